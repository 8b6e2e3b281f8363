"""What the house may read and set of the daemon: the seam between MQTT and those who act."""

from __future__ import annotations

from typing import Literal, Protocol

from mien.config import Intent, Profile
from mien.mqtt.payloads import MusicPayload


class Diagnostics(Protocol):
    """How the eyes are."""

    @property
    def faces(self) -> int:
        """In view now."""
        ...

    @property
    def fps(self) -> float:
        """Frames a second; 0 where none was seen."""
        ...

    @property
    def inference_ms(self) -> float:
        """Mean time of one run of the network, milliseconds; 0 where none was made."""
        ...

    @property
    def low_quality(self) -> dict[str, int]:
        """Readings weighed down or dropped since the start, by reason."""
        ...


class Controls(Protocol):
    """The daemon's controls. They are used on the MQTT thread: they take a wish and return at once."""

    detection: bool
    """Off closes the camera."""
    threshold: float
    """Probability that an expression must reach to become the mood."""
    profile: Profile
    """How much of the processor to use."""

    @property
    def diagnostics(self) -> Diagnostics:
        """As of the latest frame."""
        ...

    def stop(self, how: Literal["stop", "restart"] = "stop") -> None:
        """End, or end and start anew."""
        ...


class MusicControls(Protocol):
    """The music output's controls; used on the MQTT thread as well."""

    def status(self) -> MusicPayload:
        """What is on, and what plays."""
        ...

    def set_enabled(self, on: bool) -> None:
        """Play to moods, or rest."""
        ...

    def set_intent(self, intent: Intent) -> None:
        """match, lift or calm."""
        ...

    def set_mood(self, mood: str) -> None:
        """A label to play to whatever the camera sees, or auto."""
        ...

    def skip(self) -> None:
        """To the next song."""
        ...
