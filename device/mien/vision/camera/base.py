"""What a camera is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Protocol

from mien.events import Frame

CameraKind = Literal["live", "replay", "stills"]
"""A live camera runs on the monotonic clock and never ends by itself; of stills, one after another may be equal."""


class Camera(Protocol):
    """Gives frames until it ends or is closed."""

    kind: CameraKind

    def frames(self) -> Iterator[Frame]:
        """Frames as they come. Each is valid until the next is asked for. Raises InputError when the camera fails."""
        ...

    def pace(self, interval: float) -> None:
        """From now on a frame every `interval` seconds is enough. A replay gives all it has, as fast as it is read."""
        ...

    def close(self) -> None:
        """Release the device; may be called twice."""
        ...
