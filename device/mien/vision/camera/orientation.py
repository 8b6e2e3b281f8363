"""Setting frames upright whose camera is mounted on its side or upside down, and mirroring them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.config import Rotation
from mien.events import Frame
from mien.vision.camera.base import Camera, CameraKind

_Flip = Literal[-1, 0, 1]  # OpenCV's codes: -1 both ways, 0 upside down, 1 left to right

_STEPS: dict[tuple[Rotation, bool], tuple[bool, _Flip | None]] = {
    (0, True): (False, 1),
    (90, False): (True, 1),
    (90, True): (True, None),
    (180, False): (False, -1),
    (180, True): (False, 0),
    (270, False): (True, 0),
    (270, True): (True, -1),
}
"""Of each rotation and mirror: whether the frame is transposed, and how it is then flipped."""


def open_oriented(opener: Callable[[], Camera], rotation: Rotation, *, mirror: bool) -> Camera:
    """Open a camera whose frames are rotated, then mirrored; the camera itself where there is nothing to do."""
    camera = opener()
    return OrientedCamera(camera, rotation, mirror=mirror) if rotation or mirror else camera


class OrientedCamera:
    """Rotates and mirrors the frames of any camera, into one buffer that each next frame overwrites."""

    def __init__(self, camera: Camera, rotation: Rotation, *, mirror: bool) -> None:
        """rotation: degrees clockwise. mirror: exchange left and right after the rotation. One of them is not zero."""
        self._camera = camera
        self._transposed, self._flip = _STEPS[rotation, mirror]
        self._buffer: NDArray[np.uint8] | None = None
        self.kind: CameraKind = camera.kind

    def frames(self) -> Iterator[Frame]:
        """Yield the camera's frames, oriented, at their own times. Raises InputError when the camera fails."""
        return map(self._orient, self._camera.frames())  # which keeps no reference to a frame of the camera

    def set_frame_interval(self, interval: float) -> None:
        """Pass the interval on to the camera."""
        self._camera.set_frame_interval(interval)

    def close(self) -> None:
        """Close the camera."""
        self._camera.close()

    def _orient(self, frame: Frame) -> Frame:
        picture: cv2.typing.MatLike = frame.gray
        shape = picture.shape[::-1] if self._transposed else picture.shape
        if self._buffer is None or self._buffer.shape != shape:
            self._buffer = np.empty(shape, np.uint8)
        if self._transposed:
            picture = cv2.transpose(picture, dst=self._buffer)
        if self._flip is not None:
            picture = cv2.flip(picture, self._flip, dst=self._buffer)  # in place once transposed, as in cv2.rotate
        # The buffer, unless a faulty driver's frame is not grey; FrozenFrameDetector refuses such frames.
        return Frame(cast("NDArray[np.uint8]", picture), frame.at)
