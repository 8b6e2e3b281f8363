"""Opening the camera that a specification names."""

from __future__ import annotations

from pathlib import Path

from mien.errors import InputError
from mien.vision.camera.base import Camera

_KINDS = "use picamera, demo, a video device such as 0 or /dev/video0, a photo, a video file or a folder of photos"


def open_camera(spec: str) -> Camera:
    """Open "picamera", "demo", a video device ("0", "/dev/video0"), a photo, a video file or a folder of photos.

    Each kind is imported when it is opened, since none needs the libraries of another. Raises InputError.
    """
    if not spec.strip():
        raise InputError(f"The camera's name is empty: {_KINDS}.")
    if spec == "picamera":
        from mien.vision.camera.picamera import PiCamera

        return PiCamera()
    if spec == "demo":
        from mien.vision.camera.demo import DemoCamera

        return DemoCamera()
    from mien.vision.camera import opencv

    if spec.isdecimal() or spec.startswith("/dev/"):
        return opencv.V4l2Camera(spec)
    from mien.vision.camera.folder import list_photos
    from mien.vision.photo import is_photo

    path = Path(spec)
    if path.is_dir():
        return opencv.PhotoCamera(list_photos(path))
    if not path.is_file():
        raise InputError(f"There is no camera, photo, video or folder {spec!r}: check the name, or use --camera demo.")
    if is_photo(path):
        return opencv.PhotoCamera([path])
    return opencv.VideoFileCamera(path)
