"""The faces that set the ranges of an int8 network: a fixed, balanced, recorded sample of the training faces."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from mien.expression import LABELS
from mien.vision.model_file import Calibration
from mien_training.data.fer2013 import Faces

PER_EXPRESSION = 100
SEED = 0

_CORNER = 4  # pixels: holds its value however the picture is resized, down to half its side


def sample(training: Faces) -> tuple[NDArray[np.uint8], Calibration]:
    """Faces, uint8 (count, 48, 48, 1), and their record.

    Two corners of the first are set to 0 and 255: then the input's scale comes out as 1 and its zero point as -128, and
    no grey level saturates. They are corners and not pixels, since a resizing would blur those.
    """
    rng = np.random.default_rng(SEED)
    chosen = [
        rng.permutation(np.flatnonzero(training.labels == label))[:PER_EXPRESSION] for label in range(len(LABELS))
    ]
    images: NDArray[np.uint8] = training.images[np.concatenate(chosen)].copy()
    images[0, :_CORNER, :_CORNER], images[0, :_CORNER, -_CORNER:] = 0, 255
    digest = hashlib.sha256(images.tobytes()).hexdigest()
    return images, Calibration(faces=len(images), per_expression=PER_EXPRESSION, seed=SEED, sha256=digest)
