"""Logits of many faces, in one shape for every measurement."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
from numpy.typing import NDArray

from mien_training.recipes import Recipe
from mien_training.recipes.recipe import as_they_are

_BATCH = 256

Predict = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""uint8 (count, 48, 48, 1) -> float32 (count, 7), logits."""


def keras_logits(model: keras.Model, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Logits from a Keras network in inference mode. All batches are whole, so that several devices can share them."""
    whole = np.pad(images, ((0, -len(images) % _BATCH), (0, 0), (0, 0), (0, 0)))
    return np.asarray(model.predict(whole, batch_size=_BATCH, verbose=0), np.float32)[: len(images)]


def keras_predictor(model: keras.Model, recipe: Recipe | None) -> Predict:
    """A network of a recipe of ours, or of no known one, with what the recipe does to a face before."""
    prepare = as_they_are if recipe is None else recipe.prepare
    return lambda images: keras_logits(model, prepare(images))
