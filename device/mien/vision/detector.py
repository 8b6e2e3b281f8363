"""Face detection: the detectors' protocol, and the Haar cascade, which needs no model file."""

from __future__ import annotations

from importlib.resources import files
from typing import NamedTuple, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.errors import MienError
from mien.events import Face

Gray = NDArray[np.uint8]
"""A grey picture, uint8 (height, width)."""


class FaceDetector(Protocol):
    """Detects faces in grey frames, uint8 (height, width)."""

    def detect(self, gray: Gray) -> list[Face]:
        """Return the faces anywhere in a frame, the largest first."""
        ...

    def detect_near(self, gray: Gray, face: Face) -> Face | None:
        """Return the face that was in this box a moment ago; None if it is not near.

        Searches a small window, few sizes, and with a lower threshold than `detect`.
        """
        ...


class SearchWindow(NamedTuple):
    """A part of a frame brought to a size.

    picture: uint8 (height, width). x, y: its corner in the frame, pixels. scale: frame pixels to one of its pixels.
    """

    picture: Gray
    x: float
    y: float
    scale: float

    def to_frame(self, x: float, y: float, side: float) -> Face:
        """Return a square of the window, whose corner is at x, y, in the frame's pixels."""
        size = round(side * self.scale)
        return Face(round(self.x + x * self.scale), round(self.y + y * self.scale), size, size)


def crop_window(gray: Gray, face: Face, breadth: float, side: int) -> SearchWindow:
    """Cut out the square around a face, `breadth` times as wide, clipped to the frame; the face gets `side` pixels."""
    reach = face.width * breadth / 2
    x, y = face.x + face.width / 2, face.y + face.height / 2
    left, top = max(0, round(x - reach)), max(0, round(y - reach))
    part = gray[top : max(0, round(y + reach)), left : max(0, round(x + reach))]
    if part.size == 0:
        return SearchWindow(part, left, top, 1.0)
    scale = face.width / side
    size = max(1, round(part.shape[1] / scale)), max(1, round(part.shape[0] / scale))
    method = cv2.INTER_AREA if scale > 1 else cv2.INTER_LINEAR
    return SearchWindow(np.asarray(cv2.resize(part, size, interpolation=method), np.uint8), left, top, scale)


def overlap(one: Face, other: Face) -> float:
    """Return the intersection over union of two boxes, 0 to 1."""
    width = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    height = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    shared = max(0, width) * max(0, height)
    return shared / (one.area + other.area - shared)


def load_cascade(name: str) -> cv2.CascadeClassifier:
    """Load one of the Haar cascades that come with OpenCV. Raises MienError where it does not."""
    cascade = cv2.CascadeClassifier(str(files("cv2") / "data" / f"haarcascade_{name}.xml"))
    if cascade.empty():
        raise MienError("OpenCV has no face cascade: install opencv-python-headless 4.10 to 4.14.")
    return cascade


def largest_first(faces: list[Face]) -> list[Face]:
    """Return the faces sorted by area, the largest first."""
    return sorted(faces, key=lambda face: face.area, reverse=True)


class HaarDetector:
    """OpenCV's frontal-face cascade (Viola & Jones 2001).

    Steps of 1.1: the recall of 1.2 is a tenth lower (0.70 against 0.79 on composite frames). Half size loses nothing
    and takes half the time. FER2013's faces were cut out by the same cascade, yet are a little wider than its boxes.
    """

    def __init__(self, min_face: int) -> None:
        """min_face: side of the smallest face to detect, in pixels."""
        self._min_face = min_face
        self._cascade = load_cascade("frontalface_default")
        self._half_size: Gray | None = None

    def detect(self, gray: Gray) -> list[Face]:
        """Return the faces in a frame, the largest first."""
        shrink = 2 if self._min_face >= 2 * _CASCADE_SIDE else 1
        picture = normalize_lighting(self._halve(gray) if shrink == 2 else gray)
        smallest = (self._min_face // shrink, self._min_face // shrink)
        boxes = self._cascade.detectMultiScale(picture, scaleFactor=1.1, minNeighbors=5, minSize=smallest)
        squares = [_square_around(x, y, side, _FRAMING) for x, y, side, _ in boxes]
        return largest_first([Face(*(round(value * shrink) for value in (x, y, side, side))) for x, y, side in squares])

    def detect_near(self, gray: Gray, face: Face) -> Face | None:
        """Search three sizes around the last: a face does not grow by more than a sixth from frame to frame."""
        return self._search_near(gray, face, _NEAR_FRAMING)

    def refine(self, gray: Gray, face: Face) -> Face | None:
        """Return the box of a face that another cascade has detected, framed as `detect` does; None for a miss."""
        return self._search_near(gray, face, _FRAMING)

    def _search_near(self, gray: Gray, face: Face, width: float) -> Face | None:
        """Return the hit near a box that overlaps it most. width: of the returned box, in widths of the hit."""
        window = crop_window(gray, face, breadth=1.5, side=_NEAR_SIDE)
        if min(window.picture.shape) < _CASCADE_SIDE:
            return None
        low, high = round(_NEAR_SIDE * 0.86), round(_NEAR_SIDE * 1.17)
        boxes = self._cascade.detectMultiScale(
            normalize_lighting(window.picture),
            scaleFactor=1.2,
            minNeighbors=2,
            minSize=(low, low),
            maxSize=(high, high),
        )
        faces = [window.to_frame(*_square_around(x, y, side, width)) for x, y, side, _ in boxes]
        return max(faces, key=lambda candidate: overlap(candidate, face), default=None)

    def _halve(self, gray: Gray) -> Gray:
        """Return the frame at half size, in a buffer that is kept."""
        size = gray.shape[0] // 2, gray.shape[1] // 2
        if self._half_size is None or self._half_size.shape != size:
            self._half_size = np.empty(size, np.uint8)
        cv2.resize(gray, (size[1], size[0]), dst=self._half_size, interpolation=cv2.INTER_AREA)
        return self._half_size


def _square_around(x: int, y: int, side: int, width: float) -> tuple[float, float, float]:
    """Return x, y and side of the square around a hit of the cascade that is framed as FER2013's faces are."""
    margin = side * (width - 1) / 2
    return x - margin, y - margin, side * width


_FRAMING = 1.04  # widths of a hit: on training faces hits are 3 % narrower than FER2013's crops
_NEAR_FRAMING = 1.08  # near the last box 7 %, since 24 and 29 px are searched for 28; 1.06 shrinks, 1.1 grows on and on
_CASCADE_SIDE = 24  # pixels of the cascade's own window
_NEAR_SIDE = 28  # pixels of a followed face: a seventh less must still be more than the cascade's window


def normalize_lighting(gray: Gray) -> Gray:
    """Equalise the histogram where the light is too poor for rounded grey levels to show a face; else do nothing."""
    mean, deviation = cv2.meanStdDev(gray)
    if mean[0, 0] >= 40 and deviation[0, 0] >= 20:
        return gray
    return np.asarray(cv2.equalizeHist(gray), np.uint8)
