"""How much around the detector's box the network should see: measured, not guessed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.events import Face
from mien.vision.crop import to_input
from mien.vision.detector import FaceDetector, HaarDetector, overlap
from mien_training.data.fer2013 import Faces

if TYPE_CHECKING:  # whoever only composes frames need not load Keras
    from mien_training.evaluation.predict import Predict

MARGINS = (-0.15, -0.1, -0.05, 0.0, 0.05, 0.1, 0.15, 0.2)
_FRAME = (480, 640)
_SIDES = (96, 220)
_COUNT = 1000


def best_margin(predict: Predict, faces: Faces) -> tuple[float, dict[str, float]]:
    """The margin for good accuracy on faces that the detector really found, and the accuracy at every margin.

    Validation faces of 96 to 220 px are placed anywhere in noisy 640x480 frames. Neighbouring margins are averaged
    before the choice, since their differences are within the noise of a thousand faces.
    """
    frames = [
        compose(image[:, :, 0], np.random.default_rng(index)) for index, image in enumerate(faces.images[:_COUNT])
    ]
    detector = HaarDetector(min_face=60)
    found = [
        (index, frame, box) for index, (frame, place) in enumerate(frames) for box in _hits(detector, frame, place)
    ]
    if not found:
        return 0.0, {}
    labels = faces.labels[[index for index, _, _ in found]]
    accuracy = [
        float((predict(np.stack([to_input(frame, box, m) for _, frame, box in found])).argmax(axis=1) == labels).mean())
        for m in MARGINS
    ]
    by_margin = {f"{m:+.2f}": round(a, 4) for m, a in zip(MARGINS, accuracy, strict=True)}
    return nearest_good(accuracy, len(labels)), by_margin


def nearest_good(accuracy: list[float], count: int) -> float:
    """Of the margins within one standard error of the best, the one nearest to the detector's own box.

    accuracy: at each of MARGINS, on so many faces. What lies within the error is noise, and other detectors than the
    one that was measured with may frame more tightly.
    """
    smooth = np.convolve(np.pad(accuracy, 1, mode="edge"), np.ones(3) / 3, mode="valid")
    error = float(np.sqrt(smooth.max() * (1 - smooth.max()) / count))
    return min((m for m, a in zip(MARGINS, smooth, strict=True) if a >= smooth.max() - error), key=abs)


def compose(face: NDArray[np.uint8], rng: np.random.Generator) -> tuple[NDArray[np.uint8], Face]:
    """A 640x480 frame, uint8, with the face enlarged and pasted anywhere, and its place."""
    side = int(rng.integers(*_SIDES))
    x, y = int(rng.integers(0, _FRAME[1] - side)), int(rng.integers(0, _FRAME[0] - side))
    coarse = rng.integers(60, 180, (6, 8)).astype(np.uint8)
    frame = np.array(cv2.resize(coarse, (_FRAME[1], _FRAME[0]), interpolation=cv2.INTER_CUBIC), np.uint8)
    frame[y : y + side, x : x + side] = cv2.resize(face, (side, side), interpolation=cv2.INTER_CUBIC)
    return frame, Face(x, y, side, side)


def _hits(detector: FaceDetector, frame: NDArray[np.uint8], place: Face) -> list[Face]:
    """The largest found box if it is the pasted face; a list, so that a miss adds nothing."""
    return [box for box in detector.detect(frame)[:1] if overlap(box, place) >= 0.5]
