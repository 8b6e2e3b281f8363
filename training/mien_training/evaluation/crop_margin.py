"""Measuring the best crop margin: how much around the detector's box the network gets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.events import Face
from mien.vision.crop import to_input
from mien.vision.detector import FaceDetector, HaarDetector, overlap
from mien_training.data.fer2013 import Faces

if TYPE_CHECKING:  # composing frames does not take Keras
    from mien_training.evaluation.predict import Predict

MARGINS = (-0.15, -0.1, -0.05, 0.0, 0.05, 0.1, 0.15, 0.2)
"""Shares of the box's side that are added on each side."""

_FRAME = (480, 640)
_SIDES = (96, 220)
_COUNT = 1000


def best_margin(predict: Predict, faces: Faces) -> tuple[float, dict[str, float]]:
    """Return the best margin for faces that the detector really detects, and the accuracy at every margin.

    Validation faces of 96 to 220 px are placed anywhere in noisy 640x480 frames. Neighbouring margins are averaged
    before the choice, since their differences are within the noise of a thousand faces.
    """
    frames = [
        compose(image[:, :, 0], np.random.default_rng(index)) for index, image in enumerate(faces.images[:_COUNT])
    ]
    detector = HaarDetector(min_face=60)
    detections = [
        (index, frame, box)
        for index, (frame, face) in enumerate(frames)
        for box in _matching_boxes(detector, frame, face)
    ]
    if not detections:
        return 0.0, {}
    labels = faces.labels[[index for index, _, _ in detections]]
    accuracy = []
    for margin in MARGINS:
        crops = np.stack([to_input(frame, box, margin) for _, frame, box in detections])
        accuracy.append(float((predict(crops).argmax(axis=1) == labels).mean()))
    by_margin = {f"{m:+.2f}": round(a, 4) for m, a in zip(MARGINS, accuracy, strict=True)}
    return smallest_good_margin(accuracy, len(labels)), by_margin


def smallest_good_margin(accuracy: list[float], count: int) -> float:
    """Return, of the margins within one standard error of the best, the one nearest to 0: the detector's own box.

    accuracy: at each of MARGINS, on `count` faces. Differences within the error are noise, and other detectors than the
    measured one may have tighter boxes.
    """
    smooth = np.convolve(np.pad(accuracy, 1, mode="edge"), np.ones(3) / 3, mode="valid")
    error = float(np.sqrt(smooth.max() * (1 - smooth.max()) / count))
    return min((m for m, a in zip(MARGINS, smooth, strict=True) if a >= smooth.max() - error), key=abs)


def compose(face: NDArray[np.uint8], rng: np.random.Generator) -> tuple[NDArray[np.uint8], Face]:
    """Return a 640x480 frame, uint8, with the face enlarged and pasted at a random place, and its box."""
    side = int(rng.integers(*_SIDES))
    x, y = int(rng.integers(0, _FRAME[1] - side)), int(rng.integers(0, _FRAME[0] - side))
    coarse = rng.integers(60, 180, (6, 8)).astype(np.uint8)
    frame = np.array(cv2.resize(coarse, (_FRAME[1], _FRAME[0]), interpolation=cv2.INTER_CUBIC), np.uint8)
    frame[y : y + side, x : x + side] = cv2.resize(face, (side, side), interpolation=cv2.INTER_CUBIC)
    return frame, Face(x, y, side, side)


def _matching_boxes(detector: FaceDetector, frame: NDArray[np.uint8], face: Face) -> list[Face]:
    """Return the largest detected box if it is the pasted face; a list, empty for a miss."""
    return [box for box in detector.detect(frame)[:1] if overlap(box, face) >= 0.5]
