"""The seven parts of a face, approach 1 of the student's project that mien grew from: where they are.

A face box of the detector is placed by its eyes, where the eye cascade sees both: turned, scaled and shifted until they
lie where a face has them. Where it does not, the box itself is trusted. In a face so placed every part has one place,
from the proportions of a face.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.vision.detector import load_cascade

ExpressionRecognizer = NDArray[np.float64]
"""Their middles, (2, 2): x, y of the person's right eye, which is on the left of the picture, and of the left one."""


class Part(NamedTuple):
    """A part's edges in a placed face, in pixels of 48; right and bottom are the first pixels beyond it."""

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
"""Read off the average of FER2013's training faces, with room for expressions and for eyes that were not found."""

EYES: ExpressionRecognizer = np.array([(14.6, 18.2), (33.4, 18.2)])
"""Where a placed face has its eyes, in pixels of 48."""

_HALVES = ((2, 25), (23, 46))  # columns in which to look for each eye
_ROWS = (7, 29)
_ENLARGED = 2  # the cascade's own window, 20 px, is larger than an eye of these faces
_SIDES = (10, 16)  # pixels of an eye's box
_SCALES = (0.8, 1.3)  # beyond these and the tilt, what was found are not the eyes
_TILT = math.radians(25)


def place(faces: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Faces with their eyes at EYES, or as they came where not both are seen; uint8 (count, 48, 48, 1), both.

    About two milliseconds a face; the same faces give the same result, whichever others are with them.
    """
    detector = load_cascade("eye")
    placed = faces.copy()
    for index, face in enumerate(faces[:, :, :, 0]):
        move = placing(face, detector)
        if move is not None:
            placed[index, :, :, 0] = cv2.warpAffine(face, move, face.shape, borderMode=cv2.BORDER_REPLICATE)
    return placed


def placing(face: NDArray[np.uint8], detector: cv2.CascadeClassifier) -> NDArray[np.float64] | None:
    """The move, (2, 3), that brings the eyes of a face, uint8 (48, 48), to EYES; None where they are not to be seen."""
    eyes = [_eye(face, columns, detector) for columns in _HALVES]
    return None if eyes[0] is None or eyes[1] is None else onto(np.array(eyes), EYES)


def onto(eyes: ExpressionRecognizer, goal: ExpressionRecognizer) -> NDArray[np.float64] | None:
    """The turn, scale and shift, (2, 3), that bring two eyes onto a goal; None if no face has its eyes so."""
    (first, second), (to_first, to_second) = (points @ (1, 1j) for points in (eyes, goal))
    if first == second:
        return None
    turn = (to_second - to_first) / (second - first)
    if not _SCALES[0] <= abs(turn) <= _SCALES[1] or abs(math.atan2(turn.imag, turn.real)) > _TILT:
        return None
    shift = to_first - turn * first
    return np.array([(turn.real, -turn.imag, shift.real), (turn.imag, turn.real, shift.imag)])


def _eye(
    face: NDArray[np.uint8], columns: tuple[int, int], detector: cv2.CascadeClassifier
) -> tuple[float, float] | None:
    """The middle of the eye in these columns: the box on which most hits of the cascade agree."""
    region = face[slice(*_ROWS), slice(*columns)]
    region = np.asarray(cv2.resize(region, None, fx=_ENLARGED, fy=_ENLARGED, interpolation=cv2.INTER_CUBIC), np.uint8)
    low, high = (side * _ENLARGED for side in _SIDES)
    boxes, hits = detector.detectMultiScale2(region, 1.1, 1, minSize=(low, low), maxSize=(high, high))
    if len(boxes) == 0:
        return None
    x, y, width, height = boxes[int(np.argmax(hits))]
    return columns[0] + (x + width / 2) / _ENLARGED, _ROWS[0] + (y + height / 2) / _ENLARGED
