"""Notices a camera that still gives frames but no longer sees."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mien.errors import InputError
from mien.events import Frame
from mien.vision.camera.base import CameraKind

PATIENCE = 10.0
"""Seconds of equal frames. The noise of any sensor makes two frames differ within a fraction of this."""

MIN_FRAMES = 8
"""Frames that must be equal as well: few may fit into that time."""

BLACK = 20
"""Grey level under which all of a stuck picture counts as black. Video's own black is 16."""

_MIN_SIDE = 24  # pixels: the face cascade's own window
_STEP = 16  # every so many pixels of every so many rows are compared: 1,200 of 640 x 480


class FrozenFrameDetector:
    """Compares frames with each other. trouble: empty, or what is wrong, for a person."""

    def __init__(self, kind: CameraKind) -> None:
        self._kind = kind
        self._seen: NDArray[np.uint8] | None = None
        self._shape: tuple[int, ...] | None = None
        self._since = 0.0
        self._equal = 0
        self.trouble = ""

    def check(self, frame: Frame) -> bool:
        """Whether `trouble` has just changed.

        Raises InputError where opening the camera again is the cure: a live picture that is frozen, or is no picture.
        """
        self._check_shape(frame.gray)
        if self._kind == "stills":
            return False
        sample = frame.gray[::_STEP, ::_STEP]
        if self._seen is None or not np.array_equal(sample, self._seen):
            self._seen, self._since, self._equal = sample.copy(), frame.at, 0
        else:
            self._equal += 1
        before, self.trouble = self.trouble, self._judge(frame.at)
        return self.trouble != before

    def _judge(self, at: float) -> str:
        assert self._seen is not None
        if self._equal < MIN_FRAMES or at - self._since < PATIENCE:
            return ""
        if self._seen.max() <= BLACK:
            return "The camera gives only black pictures: uncover its lens, or light the room."
        trouble = f"The camera's picture has been frozen for {PATIENCE:.0f} s: check its cable and driver."
        if self._kind == "live":
            raise InputError(trouble)
        return trouble

    def _check_shape(self, gray: NDArray[np.uint8]) -> None:
        if gray.ndim != 2 or gray.dtype != np.uint8 or min(gray.shape) < _MIN_SIDE:
            raise InputError(
                f"The camera gives frames of shape {gray.shape} instead of grey pictures: update its driver."
            )
        if self._shape not in (None, gray.shape) and self._kind != "stills":
            raise InputError(f"The camera's frames changed from {self._shape} to {gray.shape} pixels: start it again.")
        self._shape = gray.shape
