"""The one place where a picture becomes the network's input, on the device and in training alike."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.events import Face

INPUT_SIDE = 48
"""Pixels of the network's square input: FER2013's."""


def to_input(gray: NDArray[np.uint8], face: Face, margin: float = 0.0) -> NDArray[np.uint8]:
    """Crop a face from a grey picture and resize it to the network's input.

    gray: uint8, (height, width). face: may reach beyond the picture, whose edge pixels are then repeated outwards.
    margin: how much wider than the detector's box to crop, as a share of its width; half of it on each side.
    Returns uint8, (48, 48, 1). Shrinking averages areas, so that fine texture does not alias.
    Raises ValueError for a face wholly outside the picture.
    """
    side = max(1, round(max(face.width, face.height) * (1.0 + margin)))
    left = face.x + (face.width - side) // 2
    top = face.y + (face.height - side) // 2
    height, width = gray.shape
    inside = gray[max(0, top) : max(0, top + side), max(0, left) : max(0, left + side)]
    if inside.size == 0:
        raise ValueError("the face lies wholly outside the picture")
    if inside.shape != (side, side):
        above, before = max(0, -top), max(0, -left)
        below, after = max(0, top + side - height), max(0, left + side - width)
        padded = cv2.copyMakeBorder(inside, above, below, before, after, cv2.BORDER_REPLICATE)
        inside = np.asarray(padded, np.uint8)
    return resize(inside)[:, :, np.newaxis]


def resize(gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Resize a grey picture, uint8 (height, width), to uint8 (48, 48)."""
    if gray.shape == (INPUT_SIDE, INPUT_SIDE):
        return gray
    shrinking = min(gray.shape) >= INPUT_SIDE
    method = cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(gray, (INPUT_SIDE, INPUT_SIDE), interpolation=method), np.uint8)
