"""Select the representative dataset of an int8 conversion: a fixed, balanced, recorded subset of the training faces."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from mien.expression import LABELS
from mien.vision.model_file import RepresentativeFaces
from mien_training.data.fer2013 import Faces

PER_EXPRESSION = 100
SEED = 0

_CORNER = 4  # pixels: keeps its value however the image is resized, down to half its side


def representative_faces(training: Faces) -> tuple[NDArray[np.uint8], RepresentativeFaces]:
    """Return the faces that calibrate the activation ranges, uint8 (count, 48, 48, 1), and the record of them.

    Two corners of the first face are set to 0 and 255: this makes the input's scale 1 and its zero point -128, so no
    grey level saturates. They are corners rather than single pixels, because resizing would blur those.
    """
    rng = np.random.default_rng(SEED)
    indices = [
        rng.permutation(np.flatnonzero(training.labels == label))[:PER_EXPRESSION] for label in range(len(LABELS))
    ]
    images: NDArray[np.uint8] = training.images[np.concatenate(indices)].copy()
    images[0, :_CORNER, :_CORNER], images[0, :_CORNER, -_CORNER:] = 0, 255
    digest = hashlib.sha256(images.tobytes()).hexdigest()
    return images, RepresentativeFaces(faces=len(images), per_expression=PER_EXPRESSION, seed=SEED, sha256=digest)
