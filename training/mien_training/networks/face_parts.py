"""Alignment of faces by their eyes, and the seven parts of a face: approach 1 of the student's project behind mien.

A detector crop in which the eye cascade detects both eyes is rotated, scaled and shifted until they lie at fixed
positions; any other crop stays as it is. In an aligned face every part has a fixed box, from the proportions of a face.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.vision.detector import load_cascade

EyePositions = NDArray[np.float64]
"""Eye centres, float64 (2, 2): x, y of the person's right eye, which is on the left of the picture, and of the left."""


class Part(NamedTuple):
    """The edges of a part in an aligned face, in pixels of 48; right and bottom are the first pixels beyond it."""

    left: int
    top: int
    right: int
    bottom: int


PARTS = {
    "mouth": Part(11, 29, 37, 45),
    "right eyebrow": Part(4, 7, 24, 17),
    "left eyebrow": Part(24, 7, 44, 17),
    "right eye": Part(5, 12, 23, 24),
    "left eye": Part(25, 12, 43, 24),
    "nose": Part(15, 17, 33, 35),
    "jaw": Part(6, 34, 42, 48),
}
"""Measured on the average of FER2013's training faces, with room for expressions and for faces without alignment."""

EYES: EyePositions = np.array([(14.6, 18.2), (33.4, 18.2)])
"""Eye centres of an aligned face, in pixels of 48."""

_HALVES = ((2, 25), (23, 46))  # columns in which each eye is searched
_ROWS = (7, 29)
_ENLARGED = 2  # the cascade's own window, 20 px, is larger than an eye of these faces
_SIDES = (10, 16)  # pixels of an eye's box
_SCALES = (0.8, 1.3)  # beyond these and the tilt the detections are not the eyes
_TILT = math.radians(25)


def align_faces(faces: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the faces with their eyes at EYES, or unchanged without two detected eyes; uint8 (count, 48, 48, 1), both.

    Takes about two milliseconds a face; the result for a face does not depend on the other faces.
    """
    detector = load_cascade("eye")
    aligned = faces.copy()
    for index, face in enumerate(faces[:, :, :, 0]):
        matrix = find_alignment(face, detector)
        if matrix is not None:
            aligned[index, :, :, 0] = cv2.warpAffine(face, matrix, face.shape, borderMode=cv2.BORDER_REPLICATE)
    return aligned


def find_alignment(face: NDArray[np.uint8], detector: cv2.CascadeClassifier) -> NDArray[np.float64] | None:
    """Return the affine matrix (2, 3) that moves the eyes of a face, uint8 (48, 48), to EYES; None without two eyes."""
    eyes = [_eye(face, columns, detector) for columns in _HALVES]
    return None if eyes[0] is None or eyes[1] is None else similarity_transform(np.array(eyes), EYES)


def similarity_transform(eyes: EyePositions, goal: EyePositions) -> NDArray[np.float64] | None:
    """Return the similarity transform (2, 3) that moves two eyes to a goal; None if the eyes are implausible."""
    (first, second), (to_first, to_second) = (points @ (1, 1j) for points in (eyes, goal))
    if first == second:
        return None
    rotation = (to_second - to_first) / (second - first)
    if not _SCALES[0] <= abs(rotation) <= _SCALES[1] or abs(math.atan2(rotation.imag, rotation.real)) > _TILT:
        return None
    shift = to_first - rotation * first
    return np.array([(rotation.real, -rotation.imag, shift.real), (rotation.imag, rotation.real, shift.imag)])


def _eye(
    face: NDArray[np.uint8], columns: tuple[int, int], detector: cv2.CascadeClassifier
) -> tuple[float, float] | None:
    """Return the centre of the eye in these columns, from the box with most of the cascade's hits; None without."""
    region = face[slice(*_ROWS), slice(*columns)]
    region = np.asarray(cv2.resize(region, None, fx=_ENLARGED, fy=_ENLARGED, interpolation=cv2.INTER_CUBIC), np.uint8)
    low, high = (side * _ENLARGED for side in _SIDES)
    boxes, hits = detector.detectMultiScale2(region, 1.1, 1, minSize=(low, low), maxSize=(high, high))
    if len(boxes) == 0:
        return None
    x, y, width, height = boxes[int(np.argmax(hits))]
    return columns[0] + (x + width / 2) / _ENLARGED, _ROWS[0] + (y + height / 2) / _ENLARGED
