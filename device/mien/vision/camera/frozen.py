"""Detecting a camera that still delivers frames, but always the same one, black ones or none that fit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mien.errors import InputError
from mien.events import Frame
from mien.vision.camera.base import CameraKind

FROZEN_AFTER = 10.0
"""Seconds of equal frames. The noise of any sensor makes two frames differ within a fraction of this."""

MIN_FRAMES = 8
"""Frames that must be equal as well: few may fit into that time."""

BLACK = 20
"""Grey level up to which all of a frozen picture counts as black. Video's own black is 16."""

_MIN_SIDE = 24  # pixels: the face cascade's own window
_STEP = 16  # every so many pixels of every so many rows are compared: 1,200 of 640 x 480


class FrozenFrameDetector:
    """Compares each frame with the last.

    fault: empty, or a sentence for a person on what is wrong and what to do.
    """

    def __init__(self, kind: CameraKind) -> None:
        self._kind = kind
        self._sample: NDArray[np.uint8] | None = None
        self._shape: tuple[int, ...] | None = None
        self._since = 0.0
        self._equal_frames = 0
        self.fault = ""

    def check(self, frame: Frame) -> bool:
        """Return whether `fault` has just changed.

        Raises InputError where opening the camera again may help: a frozen live picture, or a frame of a wrong shape.
        """
        self._check_shape(frame.gray)
        if self._kind == "stills":
            return False
        sample = frame.gray[::_STEP, ::_STEP]
        if self._sample is None or not np.array_equal(sample, self._sample):
            self._sample, self._since, self._equal_frames = sample.copy(), frame.at, 0
        else:
            self._equal_frames += 1
        previous, self.fault = self.fault, self._find_fault(self._sample, frame.at)
        return self.fault != previous

    def _find_fault(self, sample: NDArray[np.uint8], at: float) -> str:
        if self._equal_frames < MIN_FRAMES or at - self._since < FROZEN_AFTER:
            return ""
        if sample.max() <= BLACK:
            return "The camera delivers only black pictures: uncover its lens, or light the room."
        if self._kind == "live":
            raise InputError(
                f"The camera's picture has been frozen for {FROZEN_AFTER:.0f} s: check its cable and driver."
            )
        return f"The recording's picture has been frozen for {FROZEN_AFTER:.0f} s: check whether it is damaged."

    def _check_shape(self, gray: NDArray[np.uint8]) -> None:
        if gray.ndim != 2 or gray.dtype != np.uint8 or min(gray.shape) < _MIN_SIDE:
            raise InputError(
                f"The camera delivers frames of shape {gray.shape} instead of grey pictures: update its driver."
            )
        if self._shape not in (None, gray.shape) and self._kind != "stills":
            raise InputError(f"The camera's frames changed from {self._shape} to {gray.shape} pixels: start it again.")
        self._shape = gray.shape
