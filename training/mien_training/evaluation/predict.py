"""Logits of many faces, in one form for every measurement."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
from numpy.typing import NDArray

from mien_training.recipes import Recipe
from mien_training.recipes.recipe import identity

_MAX_BATCH, _MIN_BATCH = 256, 32

Predict = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""uint8 (count, 48, 48, 1) -> float32 (count, 7), logits."""


def keras_logits(model: keras.Model, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return logits from a Keras network in inference mode.

    All batches are whole, so that several devices can share them: of 256 faces, or of a power of two for fewer faces.
    """
    batch = min(_MAX_BATCH, max(_MIN_BATCH, 1 << (len(images) - 1).bit_length()))
    whole = np.pad(images, ((0, -len(images) % batch), (0, 0), (0, 0), (0, 0)))
    return np.asarray(model.predict(whole, batch_size=batch, verbose=0), np.float32)[: len(images)]


def keras_predictor(model: keras.Model, recipe: Recipe | None) -> Predict:
    """Return the prediction function of a network, with its recipe's preparation of faces if the recipe is known."""
    prepare = identity if recipe is None else recipe.prepare
    return lambda images: keras_logits(model, prepare(images))
