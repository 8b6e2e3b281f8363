"""The protocol that every camera follows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Protocol

from mien.errors import InputError
from mien.events import Frame

CameraKind = Literal["live", "replay", "stills"]
"""A live camera runs on the monotonic clock and never ends by itself; of stills, one after another may be equal."""


class LostCameraError(InputError):
    """A camera that cannot be closed, or whose call did not return: only a new process can open it again."""


class Camera(Protocol):
    """Delivers frames until it ends or is closed."""

    kind: CameraKind

    def frames(self) -> Iterator[Frame]:
        """Yield frames as they come, each valid until the next is taken. Raises InputError when the camera fails."""
        ...

    def set_frame_interval(self, interval: float) -> None:
        """Deliver a frame every `interval` seconds from now on. A replay delivers all it has, as fast as it is read."""
        ...

    def close(self) -> None:
        """Release the device; may be called twice. If that raises an exception, the camera is lost."""
        ...
