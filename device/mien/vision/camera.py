"""What a camera is, and how a specification becomes one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Protocol

from mien.errors import InputError
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


def open_camera(spec: str) -> Camera:
    """Open "picamera", "demo", a video device ("0", "/dev/video0"), a photo, a video file or a folder of photos."""
    if spec == "picamera":
        from mien.vision.picam import PiCamera

        return PiCamera()
    if spec == "demo":
        from mien.vision.demo_face import DemoCamera

        return DemoCamera()
    from mien.vision import photo, replay

    if spec.isdecimal() or spec.startswith("/dev/"):
        return replay.VideoDevice(spec)
    path = Path(spec)
    if path.is_dir():
        return replay.Slides(photo.photos_in(path))
    if not path.is_file():
        raise InputError(f"There is no camera, photo, video or folder {spec!r}: check the name, or use --camera demo.")
    if path.suffix.lower() in photo.SUFFIXES:
        return replay.Slides([path])
    return replay.VideoFile(path)
