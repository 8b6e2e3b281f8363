"""Small random changes to training faces: what a camera and a moving head do anyway."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Largest changes; each face gets its own draw, uniform between none and these.

    rotation: degrees. shift: share of the width. scale: share. contrast: share. brightness: grey levels.
    flip: mirror half of the faces. coarse: share of the faces that are shown as if they were smaller in the frame, down
    to `smallest` px and enlarged, as the device's crop does it. noise: largest standard deviation, grey levels.
    hidden: share of the faces of which a rectangle is grey, as behind a hand, a cup or hair (random erasing, Zhong et
    al. 2020, arXiv:1708.04896); its sides are `HIDDEN_SIDES` of the face's.
    """

    rotation: float = 12.0
    shift: float = 0.08
    scale: float = 0.12
    contrast: float = 0.25
    brightness: float = 25.0
    flip: bool = True
    coarse: float = 0.25
    smallest: int = 26
    noise: float = 8.0
    hidden: float = 0.0


GENTLE = Augmentation(rotation=7, shift=0.05, scale=0.07, contrast=0.15, brightness=15, coarse=0.15, noise=5)
"""About 0.6 of it all."""

HIDDEN_SIDES = (1 / 8, 0.45)


def augment(images: NDArray[np.uint8], how: Augmentation, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Changed copies of faces, uint8 (count, 48, 48, 1), in one bilinear resampling each."""
    changed = np.empty_like(images)
    for index, draw in enumerate(rng.uniform(-1, 1, (len(images), 7))):
        image = cv2.warpAffine(
            images[index, :, :, 0],
            _matrix(images.shape[2], how, draw),
            images.shape[1:3],
            borderMode=cv2.BORDER_REPLICATE,
        )
        gain, offset = 1 + how.contrast * draw[4], how.brightness * draw[5]
        image = (_coarse(image, how, rng) - 128.0) * gain + 128.0 + offset
        if how.noise:
            image += rng.standard_normal(image.shape, np.float32) * (how.noise * rng.uniform() ** 2)
        changed[index, :, :, 0] = np.clip(image, 0, 255)
        if how.hidden and rng.uniform() < how.hidden:
            _hide(changed[index, :, :, 0], rng)
    return changed


def _hide(image: NDArray[np.uint8], rng: np.random.Generator) -> None:
    """Paint a rectangle somewhere in one grey, in place."""
    side, (smallest, largest) = image.shape[0], HIDDEN_SIDES
    height, width = rng.integers(round(smallest * side), round(largest * side), 2)
    top, left = rng.integers(0, side - height + 1), rng.integers(0, side - width + 1)
    image[top : top + height, left : left + width] = rng.integers(0, 256)


def _coarse(image: NDArray[Any], how: Augmentation, rng: np.random.Generator) -> NDArray[Any]:
    """Some of the faces as a camera far away would give them."""
    if rng.uniform() >= how.coarse:
        return image
    side = int(rng.integers(how.smallest, image.shape[0]))
    small = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, image.shape[::-1], interpolation=cv2.INTER_LINEAR)


def _matrix(side: int, how: Augmentation, draw: NDArray[np.float64]) -> NDArray[np.float64]:
    """The 2x3 affine matrix that turns, scales, mirrors and shifts about the centre."""
    angle, factor = math.radians(how.rotation * draw[0]), 1 + how.scale * draw[1]
    cosine, sine = factor * math.cos(angle), factor * math.sin(angle)
    mirror = -1.0 if how.flip and draw[6] > 0 else 1.0
    linear = np.array([[cosine * mirror, -sine], [sine * mirror, cosine]])
    centre = np.full(2, (side - 1) / 2)
    shift = centre - linear @ centre + how.shift * side * draw[2:4]
    return np.column_stack([linear, shift])
