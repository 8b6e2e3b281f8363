"""Cameras read through OpenCV and Pillow: USB and other V4L2 devices, video files and photos."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.errors import InputError
from mien.events import Frame
from mien.vision.camera.base import CameraKind
from mien.vision.camera.recording import RecordingClock, explain_unreadable, is_text
from mien.vision.photo import read_photo

PHOTO_SECONDS = 5.0
"""Seconds for which each photo is shown, on the photos' own clock: enough for its expression to become the mood."""

_PHOTO_INTERVAL = 0.25  # seconds between its frames


class PhotoCamera:
    """One photo, or several in turn, each for PHOTO_SECONDS, replayed as fast as they can be read."""

    kind: CameraKind = "stills"

    def __init__(self, paths: list[Path]) -> None:
        self._paths = paths

    def frames(self) -> Iterator[Frame]:
        """Yield the same frame several times for each photo. Raises InputError for one that cannot be read."""
        repeats = round(PHOTO_SECONDS / _PHOTO_INTERVAL)
        for index, path in enumerate(self._paths):
            gray = read_photo(path).gray
            for frame in range(repeats):
                yield Frame(gray, at=(index * repeats + frame) * _PHOTO_INTERVAL)

    def set_frame_interval(self, interval: float) -> None:
        """Do nothing: a replay keeps its own interval."""

    def close(self) -> None:
        """Do nothing: no file is held open."""


class VideoFileCamera:
    """A video file, replayed as fast as it can be read, upright, on the clock of its own timestamps."""

    kind: CameraKind = "replay"

    def __init__(self, path: Path) -> None:
        self._path = path
        if is_text(path):
            raise InputError(explain_unreadable(path))
        _silence_decoders()
        # Each thread of a decoder would hold pictures of its own: 16 of them take tens of megabytes.
        self._capture = cv2.VideoCapture(str(path), cv2.CAP_ANY, [cv2.CAP_PROP_N_THREADS, 1])
        if not self._capture.isOpened():
            raise InputError(explain_unreadable(path))
        self._capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)  # not the default of OpenCV 4.11
        self._clock = RecordingClock(self._capture.get(cv2.CAP_PROP_FPS), self._capture.get(cv2.CAP_PROP_FRAME_COUNT))

    def frames(self) -> Iterator[Frame]:
        """Yield the video's frames. Raises InputError if it has none, or ends before the duration of its header."""
        picture = gray = None
        while True:
            ok, picture = self._capture.read(picture)
            if not ok:
                break
            gray = _to_gray(picture, gray)
            yield Frame(gray, self._clock.next_time(self._capture.get(cv2.CAP_PROP_POS_MSEC)))
        if not self._clock.seconds:
            raise InputError(explain_unreadable(self._path, int(self._capture.get(cv2.CAP_PROP_FOURCC))))
        if not self._clock.is_complete:
            raise InputError(
                f"{self._path} ends early, after {self._clock.seconds:.1f} of {self._clock.duration:.1f} s: "
                "copy it again."
            )

    def set_frame_interval(self, interval: float) -> None:
        """Do nothing: a replay keeps its own interval."""

    def close(self) -> None:
        """Release the decoder."""
        self._capture.release()


class V4l2Camera:
    """A USB camera or another V4L2 device, at 640x480 if it offers that. Frames that are not due are not decoded."""

    kind: CameraKind = "live"

    def __init__(self, spec: str) -> None:
        self._name = f"/dev/video{spec}" if spec.isdecimal() else spec
        if not Path(self._name).exists():
            raise InputError(f"There is no {self._name}: plug the camera in, or choose another with --camera.")
        self._capture = cv2.VideoCapture(self._name, cv2.CAP_V4L2)
        if not self._capture.isOpened():
            raise InputError(
                f"{self._name} cannot be opened: another program may hold it, or you are not in group video."
            )
        self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, 640)
        self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, 480)
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        self._interval = 0.0

    def frames(self) -> Iterator[Frame]:
        """Yield frames until the device fails, which raises InputError."""
        last = -math.inf
        picture = gray = None
        while True:
            if not self._capture.grab():
                raise InputError(f"{self._name} delivers no more pictures: check its plug and cable.")
            at = time.monotonic()
            if at - last < self._interval:
                continue
            ok, picture = self._capture.retrieve(picture)
            if ok:  # a damaged picture is dropped; a device that delivers only such ones runs into the deadline
                last = at
                gray = _to_gray(picture, gray)
                yield Frame(gray, at)

    def set_frame_interval(self, interval: float) -> None:
        """Drop frames that come sooner. A little less than the interval, so that a frame that is just due is kept."""
        self._interval = interval * 0.9

    def close(self) -> None:
        """Release the device."""
        self._capture.release()


def _silence_decoders() -> None:
    """Hold back what OpenCV and FFmpeg print to stderr: each failure of theirs ends as a sentence of ours.

    FFmpeg's level is read once, when OpenCV first uses it. A level that the user has set is kept.
    """
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # AV_LOG_QUIET
    if "OPENCV_LOG_LEVEL" not in os.environ:
        module: Any = cv2
        logger = module if hasattr(module, "setLogLevel") else module.utils.logging  # where newer versions have it
        logger.setLogLevel(0)  # silent


def _to_gray(picture: cv2.typing.MatLike, buffer: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
    """Return the picture as grey, uint8 (height, width), in the buffer where that has its shape."""
    return np.asarray(picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY, dst=buffer), np.uint8)
