"""Augmentation: the small random changes to a face that a camera and a moving head cause."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Augmentation:
    """The largest change of each kind; every face gets its own draw, uniform between none and these.

    rotation: degrees. shift: share of the width. scale: share. contrast: share. brightness: grey levels.
    flip: mirror half of the faces. low_resolution: share of the faces that are reduced to between `smallest` px and
    their own side, and enlarged again, as the device's crop of a distant face. noise: largest standard deviation, grey
    levels. random_erasing: share of the faces in which a rectangle is painted grey, as behind a hand, a cup or hair
    (Zhong et al. 2020, arXiv:1708.04896); the sides of the rectangle are `ERASING_SIDES` of the face's.
    """

    rotation: float = 12.0
    shift: float = 0.08
    scale: float = 0.12
    contrast: float = 0.25
    brightness: float = 25.0
    flip: bool = True
    low_resolution: float = 0.25
    smallest: int = 26
    noise: float = 8.0
    random_erasing: float = 0.0


MILD_AUGMENTATION = Augmentation(
    rotation=7, shift=0.05, scale=0.07, contrast=0.15, brightness=15, low_resolution=0.15, noise=5
)
"""About 0.6 of the default ranges."""

ERASING_SIDES = (1 / 8, 0.45)


def augment(images: NDArray[np.uint8], ranges: Augmentation, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return changed copies of faces, uint8 (count, 48, 48, 1), each resampled bilinearly once."""
    changed = np.empty_like(images)
    for index, draw in enumerate(rng.uniform(-1, 1, (len(images), 7))):
        image = cv2.warpAffine(
            images[index, :, :, 0],
            _matrix(images.shape[2], ranges, draw),
            images.shape[1:3],
            borderMode=cv2.BORDER_REPLICATE,
        )
        gain, offset = 1 + ranges.contrast * draw[4], ranges.brightness * draw[5]
        image = (_reduce_resolution(image, ranges, rng) - 128.0) * gain + 128.0 + offset
        if ranges.noise:
            image += rng.standard_normal(image.shape, np.float32) * (ranges.noise * rng.uniform() ** 2)
        changed[index, :, :, 0] = np.clip(image, 0, 255)
        if ranges.random_erasing and rng.uniform() < ranges.random_erasing:
            _erase(changed[index, :, :, 0], rng)
    return changed


def _erase(image: NDArray[np.uint8], rng: np.random.Generator) -> None:
    """Paint a random rectangle in one grey, in place."""
    side, (smallest, largest) = image.shape[0], ERASING_SIDES
    height, width = rng.integers(round(smallest * side), round(largest * side), 2)
    top, left = rng.integers(0, side - height + 1), rng.integers(0, side - width + 1)
    image[top : top + height, left : left + width] = rng.integers(0, 256)


def _reduce_resolution(image: NDArray[Any], ranges: Augmentation, rng: np.random.Generator) -> NDArray[Any]:
    """Return some of the faces at the resolution of a distant face, the others unchanged."""
    if rng.uniform() >= ranges.low_resolution:
        return image
    side = int(rng.integers(ranges.smallest, image.shape[0]))
    small = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, image.shape[::-1], interpolation=cv2.INTER_LINEAR)


def _matrix(side: int, ranges: Augmentation, draw: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the 2x3 affine matrix that rotates, scales, mirrors and shifts about the centre."""
    angle, factor = math.radians(ranges.rotation * draw[0]), 1 + ranges.scale * draw[1]
    cosine, sine = factor * math.cos(angle), factor * math.sin(angle)
    mirror = -1.0 if ranges.flip and draw[6] > 0 else 1.0
    linear = np.array([[cosine * mirror, -sine], [sine * mirror, cosine]])
    centre = np.full(2, (side - 1) / 2)
    shift = centre - linear @ centre + ranges.shift * side * draw[2:4]
    return np.column_stack([linear, shift])
