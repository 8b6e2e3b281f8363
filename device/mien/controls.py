"""Settings that may be changed and diagnostics that may be read while the daemon runs, from any thread."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Literal

from mien.config import PROFILES, MoodConfig, Profile, VisionConfig
from mien.expression import LABELS, Label

DEFAULT_PERSON = "me"
"""The name under which a face is learned where none is given."""

_MAX_REQUESTS = 4  # of learning, which are taken up with the next frame; more would be a flood


@dataclass(frozen=True, slots=True)
class Diagnostics:
    """The daemon's state as of its latest frame.

    camera: "starting" until its first frame, else the state of the latest CameraEvent; detail: that event's.
    frames: processed since the start. faces: in view now.
    fps: frames a second. detect_ms, inference_ms: mean time of detection and of one inference, milliseconds.
    low_quality: readings with reduced or no weight since the start, by reason (vision.quality lists the reasons).
    """

    camera: Literal["starting", "open", "fault", "paused", "ended"] = "starting"
    detail: str = ""
    frames: int = 0
    faces: int = 0
    fps: float = 0.0
    detect_ms: float = 0.0
    inference_ms: float = 0.0
    low_quality: dict[str, int] = field(default_factory=dict)


LearningState = Literal["idle", Label, "kept", "refused"]
"""Nothing was requested yet; the expression to show now; how the latest learning ended."""

LEARNING_STATES: tuple[LearningState, ...] = ("idle", *LABELS, "kept", "refused")


@dataclass(frozen=True, slots=True)
class LearningStatus:
    """Learning a face. person: whose; detail: what it gained, or why nothing was kept. Both empty while idle."""

    state: LearningState = "idle"
    person: str = ""
    detail: str = ""


class Controls:
    """The settings. Each attribute is one immutable value, so that reading and assigning need no lock.

    The pipeline applies a change at its next frame, or within a tenth of a second while it waits.
    """

    def __init__(self, vision: VisionConfig, mood: MoodConfig) -> None:
        self.diagnostics = Diagnostics()
        self.learning = LearningStatus()
        self.detection = True
        """Whether faces are detected; off closes the camera."""
        self._profile: Profile = vision.profile
        self._threshold = mood.threshold
        self._stop: Literal["stop", "restart"] | None = None
        self._learning_requests: deque[str] = deque(maxlen=_MAX_REQUESTS)

    @property
    def profile(self) -> Profile:
        """The share of the processor to use. Setting an unknown name raises ValueError."""
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
        """What was requested: to stop, or to stop and start again; None while neither was."""
        return self._stop

    def request_learning(self, name: str) -> None:
        """Request that a person's face is learned; while one is, that the present expression is skipped."""
        self._learning_requests.append(name)

    def next_learning_request(self) -> str | None:
        """Return the earliest request and remove it; None where there is none."""
        try:
            return self._learning_requests.popleft()
        except IndexError:
            return None

    def stop(self, how: Literal["stop", "restart"] = "stop") -> None:
        """Request that the daemon stops, or stops and starts again. May be called from a signal handler."""
        self._stop = how
