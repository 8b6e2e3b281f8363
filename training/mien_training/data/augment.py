"""Augmentation: the small random changes to a face that a camera and a moving head cause."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
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
    detector_boxes: share of the faces that are framed as the device's detectors frame them, by `BOX_ERRORS` in place of
    `shift` and `scale`, and cut out of a larger picture of the face.
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
    detector_boxes: float = 0.0


MILD_AUGMENTATION = Augmentation(
    rotation=7, shift=0.05, scale=0.07, contrast=0.15, brightness=15, low_resolution=0.15, noise=5
)
"""About 0.6 of the default ranges."""

DEVICE_AUGMENTATION = replace(MILD_AUGMENTATION, detector_boxes=0.5)
"""For the last epochs of a network for the device: half of the faces as its detectors frame them."""

BOX_ERRORS = (0.054, 0.054, 0.16, -0.27)
"""Of a detector's box: standard deviations of x, of y (shares of the face's width) and of the logarithm of the width,
and the correlation of y and the width: a box that is too small lies too low. Of both detectors together, measured by
`benchmarks/boxes.py`."""

_PICTURE_SIDES = (72, 168)
"""Pixels of a detector's box in a frame, from which `to_input` makes its 48."""

ERASING_SIDES = (1 / 8, 0.45)


def augment(images: NDArray[np.uint8], ranges: Augmentation, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return changed copies of faces, uint8 (count, 48, 48, 1), each resampled bilinearly once."""
    changed = np.empty_like(images)
    for index, draw in enumerate(rng.uniform(-1, 1, (len(images), 7))):
        if ranges.detector_boxes and rng.uniform() < ranges.detector_boxes:
            image = _frame_by_detector(images[index, :, :, 0], ranges, draw, rng)
        else:
            image = _distort(images[index, :, :, 0], ranges, draw)
        gain, offset = 1 + ranges.contrast * draw[4], ranges.brightness * draw[5]
        image = (_reduce_resolution(image, ranges, rng) - 128.0) * gain + 128.0 + offset
        if ranges.noise:
            image += rng.standard_normal(image.shape, np.float32) * (ranges.noise * rng.uniform() ** 2)
        changed[index, :, :, 0] = np.clip(image, 0, 255)
        if ranges.random_erasing and rng.uniform() < ranges.random_erasing:
            _erase(changed[index, :, :, 0], rng)
    return changed


def _distort(image: NDArray[np.uint8], ranges: Augmentation, draw: NDArray[np.float64]) -> NDArray[Any]:
    """Return the face rotated, scaled, mirrored and shifted, its edge pixels repeated outwards."""
    matrix = _affine(image.shape[0], ranges, draw, 1 + ranges.scale * draw[1], ranges.shift * draw[2:4])
    return cv2.warpAffine(image, matrix, image.shape[::-1], borderMode=cv2.BORDER_REPLICATE)


def _frame_by_detector(
    image: NDArray[np.uint8], ranges: Augmentation, draw: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[Any]:
    """Return the face as `to_input` cuts it out of a frame by a detector's box, which `BOX_ERRORS` displaces.

    Where the box is larger than the face, it contains the face's edge pixels, repeated, or a smooth background.
    """
    x_error, y_error, width_error, correlation = BOX_ERRORS
    x, y, width = rng.standard_normal(3)
    y = correlation * width + math.sqrt(1 - correlation**2) * y
    box = math.exp(width_error * width)
    matrix = _affine(image.shape[0], ranges, draw, 1 / box, -np.array([x_error * x, y_error * y]) / box)
    side = int(rng.integers(*_PICTURE_SIDES))
    zoom = side / image.shape[0]
    matrix *= zoom
    matrix[:, 2] += (zoom - 1) / 2  # the first pixel's centre is at 0, its corner at -0.5
    if rng.uniform() < 0.5:
        picture = cv2.warpAffine(image, matrix, (side, side), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    else:
        background = cv2.resize(rng.integers(0, 256, (3, 3), np.uint8), (side, side), interpolation=cv2.INTER_LINEAR)
        picture = cv2.warpAffine(
            image, matrix, (side, side), background, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_TRANSPARENT
        )
    return cv2.resize(picture, image.shape[::-1], interpolation=cv2.INTER_AREA)


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


def _affine(
    side: int, ranges: Augmentation, draw: NDArray[np.float64], factor: float, shift: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the 2x3 affine matrix that rotates and mirrors, scales by a factor, and shifts by shares of the side."""
    angle = math.radians(ranges.rotation * draw[0])
    cosine, sine = factor * math.cos(angle), factor * math.sin(angle)
    mirror = -1.0 if ranges.flip and draw[6] > 0 else 1.0
    linear = np.array([[cosine * mirror, -sine], [sine * mirror, cosine]])
    centre = np.full(2, (side - 1) / 2)
    return np.column_stack([linear, centre - linear @ centre + side * shift])
