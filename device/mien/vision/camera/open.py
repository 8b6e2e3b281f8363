"""Opening the camera that the configuration names."""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Set as AbstractSet
from pathlib import Path

from mien.config import CameraConfig
from mien.errors import InputError
from mien.vision.camera.base import Camera
from mien.vision.camera.zoom import ZoomedCamera

_KINDS = (
    "use picamera, picamera:1, demo, a video device such as 0 or /dev/video0, a photo, a video file or a folder of "
    "photos"
)
_DEFAULTS = CameraConfig()
_log = logging.getLogger(__name__)


def open_camera(config: CameraConfig) -> Camera:
    """Open the camera of `config.source`, with its zoom, focus and exposure.

    The source is "picamera", "picamera:NUMBER", "demo", a video device ("0", "/dev/video0"), a photo, a video file or a
    folder of photos. A focus or an exposure that the camera does not support is logged. Raises InputError.
    """
    kind, colon, number = config.source.partition(":")
    if kind == "picamera":
        if colon and not re.fullmatch("[0-9]{1,3}", number):
            raise InputError(f"{config.source!r} does not end with a camera's number: use picamera:0 or picamera:1.")
        from mien.vision.camera.picamera import PiCamera

        pi_camera = PiCamera(int(number or 0), config)
        _log_unsupported(config, pi_camera.supported)
        return pi_camera
    camera = _open_other(config.source)
    _log_unsupported(config, frozenset())
    return camera if config.zoom == 1 else ZoomedCamera(camera, config.zoom)


def _open_other(spec: str) -> Camera:
    """Open a camera that is not the Pi's. Each kind is imported when it is opened: none needs another's libraries."""
    if not spec.strip():
        raise InputError(f"The camera's name is empty: {_KINDS}.")
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


def _log_unsupported(config: CameraConfig, supported: AbstractSet[str]) -> None:
    """Log each setting of the lens and the exposure that was configured and has no effect."""
    for key in ("focus", "exposure"):
        value = getattr(config, key)
        if key not in supported and value != getattr(_DEFAULTS, key):
            _log_once(f"[camera] {key} = {value} has no effect: {config.source} does not support it.")


@functools.cache
def _log_once(line: str) -> None:
    """Log a line, but not again when the camera is opened again."""
    _log.warning("%s", line)
