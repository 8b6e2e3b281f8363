"""Quality of a face's picture: how far its reading can be trusted.

The bounds were set where they touch few of FER2013's validation faces, on which the network was measured: under 1 % are
that dark or blurred, 5 % that lopsided; a Gaussian blur of 2 pixels of the network's input fails 99 % of them.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.events import Face
from mien.vision.crop import INPUT_SIDE

REASONS = ("small", "dark", "blurred", "cut off", "turned")
"""Why a reading may get less weight; of equally bad ones the first is reported."""

DROP = 0.15
"""A reading of less weight is dropped."""


class Quality(NamedTuple):
    """weight: 0 (unusable) to 1. reason: the worst of REASONS; empty at weight 1."""

    weight: float
    reason: str


def assess_quality(face: Face, shape: tuple[int, ...], crop: NDArray[np.uint8]) -> Quality:
    """Return the quality of a face in a frame.

    shape: the frame's, (height, width). crop: the face's, uint8 (48, 48, 1), as made by `to_input`.
    """
    gray = crop[:, :, 0]
    mean, deviation = (float(value[0, 0]) for value in cv2.meanStdDev(gray))
    weights = (
        _ramp(face.width, 20, INPUT_SIDE * 0.8),
        min(_ramp(mean, 10, 35), _ramp(deviation, 5, 18)),
        _ramp(_sharpness(gray, deviation), 0.005, 0.03),
        _ramp(_visible_share(face, shape), 0.6, 0.9),
        _ramp(symmetry(gray), -0.7, -0.1),
    )
    worst = min(weights)
    return Quality(worst if worst >= DROP else 0.0, REASONS[weights.index(worst)] if worst < 1 else "")


def symmetry(gray: NDArray[np.uint8]) -> float:
    """Return the correlation of a face, uint8 (48, 48), with its mirror image, -1 to 1, from whichever side it is lit.

    A face towards the camera is symmetric; one that is turned or tilted is not.
    """
    smooth = cv2.GaussianBlur(gray, (0, 0), 2.0).astype(np.float32)
    smooth -= smooth.mean(axis=0)
    return float((smooth * smooth[:, ::-1]).sum() / ((smooth * smooth).sum() + 1.0))


def _sharpness(gray: NDArray[np.uint8], deviation: float) -> float:
    """Return the Laplacian's variance (Pech-Pacheco et al. 2000) over the picture's own: independent of contrast."""
    edges = cv2.meanStdDev(cv2.Laplacian(gray, cv2.CV_16S))[1][0, 0]
    return float((edges / max(deviation, 1.0)) ** 2)


def _visible_share(face: Face, shape: tuple[int, ...]) -> float:
    """Return the share of the face's area that lies within the frame, 0 to 1."""
    width = min(face.x + face.width, shape[1]) - max(face.x, 0)
    height = min(face.y + face.height, shape[0]) - max(face.y, 0)
    return max(0, width) * max(0, height) / face.area


def _ramp(value: float, low: float, high: float) -> float:
    """Return 0 up to low, 1 from high on, linear between."""
    return min(1.0, max(0.0, (value - low) / (high - low)))
