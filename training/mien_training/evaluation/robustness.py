"""Accuracy by condition of camera and detector: one condition at a time, with the device's own crop.

A face of the data set is placed in the middle of a frame twice as wide, in front of a wall of soft patches; then its
box, with the errors of a detector, is cropped with the network's margin. The surroundings of a FER2013 picture are
unknown, so wide boxes and rotated faces contain wall in place of hair: their accuracy is a little underestimated.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.events import Face
from mien.vision.crop import INPUT_SIDE, to_input
from mien.vision.detector import HaarDetector, overlap
from mien.vision.quality import assess_quality
from mien_training.data.fer2013 import Faces
from mien_training.evaluation.predict import Predict


@dataclass(frozen=True, slots=True)
class Condition:
    """The condition of a face in a frame and of its box.

    side: of the face, px of the frame. margin: added to the network's own crop margin. shift: distance of the box's
    centre from the face's, in any direction, share of the face's side. scale: error of the box's side, share, too wide
    or too narrow. rotation: degrees, either way. blur: standard deviation, px of the network's 48. noise: standard
    deviation of each pixel of the frame, grey levels. brightness: added grey levels.
    """

    side: int = 120
    margin: float = 0.0
    shift: float = 0.0
    scale: float = 0.0
    rotation: float = 0.0
    blur: float = 0.0
    noise: float = 0.0
    brightness: float = 0.0


SWEEPS: dict[str, tuple[float, ...]] = {
    "margin": (-0.3, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3),
    "shift": (0.0, 0.05, 0.1, 0.15, 0.2, 0.3),
    "scale": (0.0, 0.05, 0.1, 0.15, 0.2, 0.3),
    "rotation": (0, 5, 10, 15, 20, 30),
    "blur": (0.0, 0.5, 1.0, 1.5, 2.0, 3.0),
    "noise": (0, 5, 10, 20, 30, 40),
    "brightness": (-120, -80, -40, 0, 40, 80, 120),
    "side": (30, 36, 42, 48, 60, 80, 100),
}
"""The values at which each condition is measured while all others are ideal."""

FACES = 500
_RANGE_FACES = 200  # faces on which the operating range is measured, in each condition
_BOX_CONDITIONS = ("margin", "shift", "scale")  # those that the detector's boxes decide

Log = Callable[[str], object]
"""Takes a line of progress."""


def accuracy_by_condition(predict: Predict, faces: Faces, crop_margin: float, log: Log) -> dict[str, Any]:
    """Return the values of each condition and the accuracy at each, on the same faces throughout, at most 500.

    faces: with the labels of the network's view. crop_margin: the network's own.
    """
    results = {}
    chosen = faces[:FACES]
    for name, values in SWEEPS.items():
        log(f"accuracy by {name}, {len(chosen)} faces")
        results[name] = {
            "values": list(values),
            "accuracy": [_accuracy(predict, chosen, _condition(name, value), crop_margin) for value in values],
        }
    return results


def _condition(name: str, value: float) -> Condition:
    return Condition(side=int(value)) if name == "side" else replace(Condition(), **{name: value})  # type: ignore[arg-type]  # all the others are numbers


def _accuracy(predict: Predict, faces: Faces, condition: Condition, crop_margin: float) -> float:
    inputs = []
    for index, image in enumerate(faces.images):
        frame, _, box = place_face(image[:, :, 0], condition, np.random.default_rng(index))
        inputs.append(to_input(frame, box, crop_margin + condition.margin))
    return round(float((predict(np.stack(inputs)).argmax(axis=1) == faces.labels).mean()), 4)


def place_face(
    face: NDArray[np.uint8], condition: Condition, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], Face, Face]:
    """Return a frame, uint8 (2 side, 2 side), with the face, uint8 (48, 48), its true box, and the detector's box."""
    sign, direction = rng.choice((-1, 1)), rng.uniform(0, 2 * math.pi)
    wide = 2 * condition.side
    patches = rng.integers(60, 180, (4, 4)).astype(np.uint8)
    wall = cv2.resize(patches, (wide, wide), interpolation=cv2.INTER_LINEAR)
    method = cv2.INTER_AREA if condition.side < INPUT_SIDE else cv2.INTER_CUBIC
    resized = cv2.resize(face, (condition.side, condition.side), interpolation=method)
    corner, middle = condition.side // 2, (condition.side - 1) / 2
    matrix = cv2.getRotationMatrix2D((middle, middle), float(sign * condition.rotation), 1.0) + [[0, 0, corner]] * 2
    rotated = cv2.warpAffine(
        resized, matrix, (wide, wide), dst=wall, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_TRANSPARENT
    )
    frame = _blur(rotated.astype(np.float32), condition.blur * condition.side / INPUT_SIDE) + np.float32(
        condition.brightness
    )
    if condition.noise:
        frame += np.float32(condition.noise) * rng.standard_normal(frame.shape, np.float32)
    side = round(condition.side * (1 + sign * condition.scale))
    left, top = (
        round(corner + (condition.side - side) / 2 + condition.shift * condition.side * toward(direction))
        for toward in (math.cos, math.sin)
    )
    pixels = np.clip(np.round(frame), 0, 255).astype(np.uint8)
    return pixels, Face(corner, corner, condition.side, condition.side), Face(left, top, side, side)


def _blur(picture: NDArray[np.float32], deviation: float) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), deviation), np.float32) if deviation else picture


def operating_range(faces: Faces, log: Log) -> dict[str, tuple[float, float]]:
    """Return the range of each condition in which the device works, measured with its detector and quality gate.

    margin, shift, scale: from the 5th to the 95th percentile of the built-in detector's boxes. The others: the values
    at which at least half as many faces as under ideal conditions are detected and get full weight from the quality
    gate, independently of `[vision] min_face`.
    """
    chosen = faces.images[:_RANGE_FACES, :, :, 0]
    log(f"operating range of the device, {len(chosen)} faces")
    ideal = _usable_boxes(chosen, Condition())
    if not ideal:
        return {}
    widths = np.array([box.width / face.width - 1 for box, face in ideal])
    shifts = np.array([_center_distance(box, face) / face.width for box, face in ideal])
    ranges = {
        "margin": _percentile_range(widths),
        "shift": (0.0, _percentile_range(shifts)[1]),
        "scale": (0.0, _percentile_range(np.abs(widths - np.median(widths)))[1]),
    }
    for name, values in SWEEPS.items():
        if name not in _BOX_CONDITIONS:
            usable = [v for v in values if 2 * len(_usable_boxes(chosen, _condition(name, v))) >= len(ideal)]
            ranges[name] = (min(usable, default=0.0), max(usable, default=0.0))
    return ranges


def _center_distance(one: Face, other: Face) -> float:
    return math.hypot(
        one.x - other.x + (one.width - other.width) / 2, one.y - other.y + (one.height - other.height) / 2
    )


def _percentile_range(values: NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.quantile(values, (0.05, 0.95))
    return round(float(low), 3), round(float(high), 3)


def _usable_boxes(faces: NDArray[np.uint8], condition: Condition) -> list[tuple[Face, Face]]:
    """Return the boxes of the faces that are detected and have full weight in the quality gate, with the true boxes."""
    detector = HaarDetector(min_face=max(24, condition.side * 2 // 3))  # a search for smaller faces takes time
    boxes = []
    for index, face in enumerate(faces):
        frame, true_box, _ = place_face(face, condition, np.random.default_rng(index))
        matches = [box for box in detector.detect(frame)[:1] if overlap(box, true_box) >= 0.5]
        boxes += [
            (box, true_box) for box in matches if assess_quality(box, frame.shape, to_input(frame, box)).weight == 1
        ]
    return boxes
