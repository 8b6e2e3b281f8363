"""YuNet (Wu et al. 2023), a small network that detects more faces than the cascade, and the source of its file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mien.errors import ModelError
from mien.events import Face
from mien.state import state_directory
from mien.vision.detector import Gray, crop_window, largest_first, overlap

URL = "https://github.com/opencv/opencv_zoo/raw/main/models/face_detection_yunet/face_detection_yunet_2023mar.onnx"
SIZE = 232_589
"""Bytes of the file."""

SHA256 = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"
"""Of the file, version 2023mar; both as OpenCV's model zoo records them."""

SCAN_SIDE = 320
"""Pixels of the longer side of a frame as it is searched."""

SCORE = 0.6
"""Confidence from which on it is a face, 0 to 1. OpenCV's own 0.9 misses nearly all faces that fill their picture."""

_NEAR_SCORE = 0.4
_NEAR_SIDE = 64  # pixels of a followed face: of 36, which cost 0.4 ms less, a fifth of hard ones are missed
_NEAR_WINDOW = 96  # pixels of the square that is searched for it; the network takes multiples of 32
_NEAR_BIAS = 0.018  # widths by which a box in so small a window is too far right: measured by benchmarks/boxes.py


def default_path() -> Path:
    """Return the path to which `mien model fetch-yunet` downloads it. Raises ConfigError."""
    return state_directory() / "face_detection_yunet_2023mar.onnx"


class YunetDetector:
    """Detects faces with OpenCV's FaceDetectorYN."""

    def __init__(self, path: Path, min_face: int, scan_side: int = SCAN_SIDE, score: float = SCORE) -> None:
        """Load the model file. Raises ModelError for a file that OpenCV cannot load.

        min_face: side of the smallest face to detect, in pixels. scan_side: pixels of the longer side of a frame as it
        is searched. score: confidence from which on it is a face, 0 to 1.
        """
        self._min_face, self._scan_side = min_face, scan_side
        try:
            self._scan = cv2.FaceDetectorYN.create(str(path), "", (scan_side, scan_side), score)
            self._near = cv2.FaceDetectorYN.create(str(path), "", (_NEAR_WINDOW, _NEAR_WINDOW), _NEAR_SCORE)
        except cv2.error:
            raise ModelError(
                f"{path} is not YuNet: run 'mien model fetch-yunet', or set detector = \"haar\"."
            ) from None
        self._frame = np.zeros((0, 0, 3), np.uint8)
        self._window = np.zeros((_NEAR_WINDOW, _NEAR_WINDOW, 3), np.uint8)

    def detect(self, gray: Gray) -> list[Face]:
        """Return the faces in a frame, the largest first."""
        height, width = gray.shape
        scale = max(1.0, max(height, width) / self._scan_side)
        size = max(1, round(width / scale)), max(1, round(height / scale))
        if self._frame.shape[:2] != size[::-1]:
            self._frame = np.zeros((size[1], size[0], 3), np.uint8)
            self._scan.setInputSize(size)
        small = gray if scale == 1 else cv2.resize(gray, size, interpolation=cv2.INTER_AREA)
        cv2.cvtColor(small, cv2.COLOR_GRAY2BGR, dst=self._frame)
        faces = [_square(row, scale) for row in _rows(self._scan.detect(self._frame)[1])]
        return largest_first([face for face in faces if face.width >= self._min_face])

    def detect_near(self, gray: Gray, face: Face) -> Face | None:
        """Return the face in the window that overlaps the box most."""
        window = crop_window(gray, face, breadth=_NEAR_WINDOW / _NEAR_SIDE, side=_NEAR_SIDE)
        height, width = (min(side, _NEAR_WINDOW) for side in window.picture.shape)
        if min(height, width) < _NEAR_SIDE // 2:
            return None
        self._window[height:], self._window[:, width:] = 0, 0
        cv2.cvtColor(window.picture[:height, :width], cv2.COLOR_GRAY2BGR, dst=self._window[:height, :width])
        squares = [_square(row, 1.0) for row in _rows(self._near.detect(self._window)[1])]
        faces = [window.to_frame(square.x - _NEAR_BIAS * square.width, square.y, square.width) for square in squares]
        return max(faces, key=lambda candidate: overlap(candidate, face), default=None)


def _rows(detected: Any) -> list[list[float]]:
    """Return a row a face: x, y, width and height of its box, then x and y of both eyes, nose and mouth corners."""
    return [] if detected is None else detected[:, :14].tolist()


def _square(row: list[float], scale: float) -> Face:
    """Return the square that FER2013's crop of the face would be.

    How much of a head YuNet's box covers varies, and follows from the landmarks: how high chin and mouth lie in it,
    and how far the face is turned and tilted. The factors were fitted, for the least relative error, to 3,000 training
    faces in composite frames. Whatever the landmarks, the square is at least half as high as the box.
    """
    x, y, width, height = (value * scale for value in row[:4])
    right, left, nose, *corners = (complex(*row[at : at + 2]) * scale for at in range(4, 14, 2))
    eyes, mouth = (right + left) / 2, sum(corners) / 2
    chin = y + height - mouth.imag
    turned, tilted = abs((nose - eyes).real), abs((left - right).imag)
    to_mouth = abs(mouth - eyes)
    fitted = 0.95 * width + 0.47 * height + 1.19 * chin - 1.69 * to_mouth + 1.02 * turned - 1.20 * tilted
    side = max(fitted, 0.5 * height)
    middle = x + width / 2, y + 0.485 * height
    return Face(round(middle[0] - side / 2), round(middle[1] - side / 2), round(side), round(side))
