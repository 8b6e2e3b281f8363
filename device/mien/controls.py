"""What may be changed while the daemon runs, and what may be read of it: by outputs, from any thread."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from mien.config import PROFILES, Config, Profile


@dataclass(frozen=True, slots=True)
class Diagnostics:
    """How the daemon is, as of its latest frame.

    camera: "starting" until its first frame, else the state of the latest CameraEvent; detail: that event's.
    frames: looked at since the start. faces: in view now.
    fps: frames a second. detect_ms, inference_ms: mean time of detection and of one inference, milliseconds.
    low_quality: readings weighed down or dropped since the start, by reason (vision.quality lists the reasons).
    """

    camera: Literal["starting", "open", "fault", "paused", "ended"] = "starting"
    detail: str = ""
    frames: int = 0
    faces: int = 0
    fps: float = 0.0
    detect_ms: float = 0.0
    inference_ms: float = 0.0
    low_quality: dict[str, int] = field(default_factory=dict)


class Controls:
    """Each attribute is one immutable value, so reading and assigning need no lock.

    The loop acts on a change at its next frame, or within a tenth of a second while it waits.
    """

    def __init__(self, config: Config) -> None:
        self.diagnostics = Diagnostics()
        self.detection = True
        """Whether to look at all; off closes the camera."""
        self._profile: Profile = config.vision.profile
        self._threshold = config.mood.threshold
        self._stop: Literal["stop", "restart"] | None = None

    @property
    def profile(self) -> Profile:
        """How much of the processor to use. Setting another name raises ValueError."""
        return self._profile

    @profile.setter
    def profile(self, profile: Profile) -> None:
        if profile not in PROFILES:
            raise ValueError(f"There is no profile {profile!r}: use {', '.join(PROFILES)}.")
        self._profile = profile

    @property
    def threshold(self) -> float:
        """The probability that makes an expression the mood, 0 to 1. Setting another number raises ValueError."""
        return self._threshold

    @threshold.setter
    def threshold(self, threshold: float) -> None:
        if not 0 <= threshold <= 1:  # false for NaN too
            raise ValueError(f"The threshold must be from 0 to 1, not {threshold}.")
        self._threshold = float(threshold)

    @property
    def stopping(self) -> Literal["stop", "restart"] | None:
        """What the daemon was asked to do as soon as it can: end, or end and be started anew."""
        return self._stop

    def stop(self, how: Literal["stop", "restart"] = "stop") -> None:
        """Ask the daemon to end, or to end and start anew. May be called from a signal handler."""
        self._stop = how
