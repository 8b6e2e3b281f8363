"""Accuracy under what a camera and a detector do to a face: one condition at a time, cut with the device's own crop.

A face of the data set is placed in the middle of a frame twice as wide, in front of a wall of soft patches; then its
box, as a detector might give it, is cut with the network's margin. What lies beyond a FER2013 picture is not known, so
wide boxes and turned faces show the wall, where a real frame shows hair: they are measured a little too severely.
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
    """A face in a frame, and its box.

    side: of the face, px of the frame. margin: added to the network's own crop margin. shift: how far the box's middle
    is off, to any side, share of the face's side. scale: how much the box is too wide or too narrow, share. rotation:
    degrees, either way. blur: standard deviation, px of the network's 48. noise: standard deviation of each pixel of
    the frame, grey levels. brightness: added grey levels.
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
"""The values at which each condition is measured, all others being ideal."""

FACES = 500
_LOOKED_AT = 200  # faces that are searched in each condition, to learn which the device meets
_DETECTORS = ("margin", "shift", "scale")  # what the detector's boxes decide

Tell = Callable[[str], object]


def accuracy_by_condition(predict: Predict, faces: Faces, crop_margin: float, tell: Tell) -> dict[str, Any]:
    """For each condition its values and the accuracy at each, on at most 500 faces, the same ones throughout.

    faces: with the labels that count. crop_margin: the network's own. tell: takes lines that say how far it has come.
    """
    found = {}
    chosen = faces[:FACES]
    for name, values in SWEEPS.items():
        tell(f"accuracy by {name}, {len(chosen)} faces")
        found[name] = {
            "values": list(values),
            "accuracy": [_accuracy(predict, chosen, _condition(name, value), crop_margin) for value in values],
        }
    return found


def _condition(name: str, value: float) -> Condition:
    return Condition(side=int(value)) if name == "side" else replace(Condition(), **{name: value})  # type: ignore[arg-type]  # all the others are numbers


def _accuracy(predict: Predict, faces: Faces, how: Condition, crop_margin: float) -> float:
    inputs = []
    for index, image in enumerate(faces.images):
        frame, _, box = placed(image[:, :, 0], how, np.random.default_rng(index))
        inputs.append(to_input(frame, box, crop_margin + how.margin))
    return round(float((predict(np.stack(inputs)).argmax(axis=1) == faces.labels).mean()), 4)


def placed(face: NDArray[np.uint8], how: Condition, rng: np.random.Generator) -> tuple[NDArray[np.uint8], Face, Face]:
    """A frame, uint8 (2 side, 2 side), where the face, uint8 (48, 48), is in it, and the box that a detector gives."""
    sign, direction = rng.choice((-1, 1)), rng.uniform(0, 2 * math.pi)
    wide = 2 * how.side
    patches = rng.integers(60, 180, (4, 4)).astype(np.uint8)
    wall = cv2.resize(patches, (wide, wide), interpolation=cv2.INTER_LINEAR)
    method = cv2.INTER_AREA if how.side < INPUT_SIDE else cv2.INTER_CUBIC
    shown = cv2.resize(face, (how.side, how.side), interpolation=method)
    corner, middle = how.side // 2, (how.side - 1) / 2
    matrix = cv2.getRotationMatrix2D((middle, middle), float(sign * how.rotation), 1.0) + [[0, 0, corner]] * 2
    turned = cv2.warpAffine(
        shown, matrix, (wide, wide), dst=wall, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_TRANSPARENT
    )
    frame = _blurred(turned.astype(np.float32), how.blur * how.side / INPUT_SIDE) + np.float32(how.brightness)
    if how.noise:
        frame += np.float32(how.noise) * rng.standard_normal(frame.shape, np.float32)
    side = round(how.side * (1 + sign * how.scale))
    left, top = (
        round(corner + (how.side - side) / 2 + how.shift * how.side * toward(direction))
        for toward in (math.cos, math.sin)
    )
    seen = np.clip(np.round(frame), 0, 255).astype(np.uint8)
    return seen, Face(corner, corner, how.side, how.side), Face(left, top, side, side)


def _blurred(picture: NDArray[np.float32], deviation: float) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), deviation), np.float32) if deviation else picture


def met(faces: Faces, tell: Tell) -> dict[str, tuple[float, float]]:
    """The range of each condition that the device meets, measured with its own detector and its own quality gate.

    margin, shift, scale: between the 5th and 95th percentile of the boxes that the built-in detector gives. The others:
    the values at which at least half as many faces as in the ideal are found and get full weight from the quality
    gate, whatever `[vision] min_face` says.
    """
    chosen = faces.images[:_LOOKED_AT, :, :, 0]
    tell(f"which conditions the device meets, {len(chosen)} faces")
    ideal = _read(chosen, Condition())
    if not ideal:
        return {}
    widths = np.array([box.width / place.width - 1 for box, place in ideal])
    off = [
        math.hypot(box.x - place.x + (box.width - place.width) / 2, box.y - place.y + (box.height - place.height) / 2)
        / place.width
        for box, place in ideal
    ]
    ranges = {
        "margin": _span(widths),
        "shift": (0.0, _span(np.array(off))[1]),
        "scale": (0.0, _span(np.abs(widths - np.median(widths)))[1]),
    }
    for name, values in SWEEPS.items():
        if name not in _DETECTORS:
            read = [value for value in values if 2 * len(_read(chosen, _condition(name, value))) >= len(ideal)]
            ranges[name] = (min(read, default=0.0), max(read, default=0.0))
    return ranges


def _span(values: NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.quantile(values, (0.05, 0.95))
    return round(float(low), 3), round(float(high), 3)


def _read(faces: NDArray[np.uint8], how: Condition) -> list[tuple[Face, Face]]:
    """The boxes of the faces that are found and pass the quality gate at full weight, with their true places."""
    detector = HaarDetector(min_face=max(24, how.side * 2 // 3))  # smaller ones are not asked for, and take time
    read = []
    for index, face in enumerate(faces):
        frame, place, _ = placed(face, how, np.random.default_rng(index))
        hits = [box for box in detector.detect(frame)[:1] if overlap(box, place) >= 0.5]
        read += [(box, place) for box in hits if assess_quality(box, frame.shape, to_input(frame, box)).weight == 1]
    return read
