"""Finding faces: what a detector is, and the one that needs no model file."""

from __future__ import annotations

from importlib.resources import files
from typing import NamedTuple, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.errors import MienError
from mien.events import Face

Gray = NDArray[np.uint8]


class FaceDetector(Protocol):
    """Finds faces in grey frames, uint8 (height, width)."""

    def detect(self, gray: Gray) -> list[Face]:
        """Faces anywhere in a frame, the largest first."""
        ...

    def detect_near(self, gray: Gray, face: Face) -> Face | None:
        """The face that was at this place a moment ago: a small window, few sizes, and more faith than `find` has."""
        ...


class SearchWindow(NamedTuple):
    """A part of a frame brought to a size: picture, uint8; its corner and its pixels' size in the frame's pixels."""

    picture: Gray
    x: float
    y: float
    scale: float

    def to_frame(self, x: float, y: float, side: float) -> Face:
        """A square of the window in the frame's pixels; x, y: its corner."""
        size = round(side * self.scale)
        return Face(round(self.x + x * self.scale), round(self.y + y * self.scale), size, size)


def crop_window(gray: Gray, face: Face, breadth: float, side: int) -> SearchWindow:
    """The square around a face, `breadth` times as wide, clipped to the frame; the face becomes `side` pixels wide."""
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
    """Intersection over union of two boxes, 0 to 1."""
    width = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    height = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    shared = max(0, width) * max(0, height)
    return shared / (one.area + other.area - shared)


def load_cascade(name: str) -> cv2.CascadeClassifier:
    """One of the Haar cascades that come with OpenCV."""
    made = cv2.CascadeClassifier(str(files("cv2") / "data" / f"haarcascade_{name}.xml"))
    if made.empty():
        raise MienError("OpenCV has no face cascade: install opencv-python-headless 4.10 to 4.14.")
    return made


def largest_first(faces: list[Face]) -> list[Face]:
    """The largest first."""
    return sorted(faces, key=lambda face: face.area, reverse=True)


class HaarDetector:
    """OpenCV's frontal-face cascade (Viola & Jones 2001).

    Steps of 1.1: the recall of 1.2 is a tenth lower (0.70 against 0.79 on composite frames). Half size loses nothing
    and takes half the time. The boxes are framed as FER2013's faces are, which were cut out by the same cascade.
    """

    def __init__(self, min_face: int) -> None:
        """min_face: side of the smallest face to find, in pixels."""
        self._min_face = min_face
        self._cascade = load_cascade("frontalface_default")
        self._half: Gray | None = None

    def detect(self, gray: Gray) -> list[Face]:
        """Faces in a frame, the largest first."""
        shrink = 2 if self._min_face >= 2 * _CASCADE_SIDE else 1
        picture = normalize_lighting(self._halved(gray) if shrink == 2 else gray)
        smallest = (self._min_face // shrink, self._min_face // shrink)
        boxes = self._cascade.detectMultiScale(picture, scaleFactor=1.1, minNeighbors=5, minSize=smallest)
        return largest_first([Face(*(int(value) * shrink for value in box)) for box in boxes])

    def detect_near(self, gray: Gray, face: Face) -> Face | None:
        """Three sizes around the last: a face does not grow by more than a sixth from frame to frame."""
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
        faces = [window.to_frame(float(x), float(y), float(side)) for x, y, side, _ in boxes]
        return max(faces, key=lambda found: overlap(found, face), default=None)

    def _halved(self, gray: Gray) -> Gray:
        """At half size, in a buffer that is kept."""
        size = gray.shape[0] // 2, gray.shape[1] // 2
        if self._half is None or self._half.shape != size:
            self._half = np.empty(size, np.uint8)
        cv2.resize(gray, (size[1], size[0]), dst=self._half, interpolation=cv2.INTER_AREA)
        return self._half


_CASCADE_SIDE = 24  # pixels of the cascade's own window
_NEAR_SIDE = 28  # pixels of a followed face: a seventh less must still be more than the cascade's window


def normalize_lighting(gray: Gray) -> Gray:
    """The picture, or where the light is too poor for rounded grey levels to show a face, its equalised histogram."""
    mean, deviation = cv2.meanStdDev(gray)
    if mean[0, 0] >= 40 and deviation[0, 0] >= 20:
        return gray
    return np.asarray(cv2.equalizeHist(gray), np.uint8)
