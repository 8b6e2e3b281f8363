"""Logits of many faces from a Keras network or a TFLite file, in one shape for every measurement."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from mien.errors import InputError, ModelError
from mien.vision.classifier import Classifier
from mien_training.recipes import RECIPES, Recipe
from mien_training.recipes.recipe import as_they_are

Predict = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""uint8 (count, 48, 48, 1) -> float32 (count, 7), logits."""


def keras_logits(model: keras.Model, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Logits from a Keras network in inference mode."""
    return np.asarray(model.predict(images, batch_size=256, verbose=0), np.float32)


def keras_predictor(model: keras.Model, recipe: Recipe | None) -> Predict:
    """The network of a recipe of ours, or of no known one, with what the recipe does to a face before."""
    prepare = as_they_are if recipe is None else recipe.prepare
    return lambda images: keras_logits(model, prepare(images))


def open_predictor(path: Path) -> Predict:
    """A predictor for a .keras or .tflite file."""
    if not path.is_file():
        raise InputError(f"{path} is not a file: give a .keras or .tflite model.")
    if path.suffix == ".tflite":
        classifier = Classifier.load(path)
        return lambda images: np.stack([classifier.logits(image) for image in images])
    try:
        model = keras.saving.load_model(path, compile=False)
    except (ValueError, OSError, KeyError) as error:
        raise ModelError(f"{path} is not a Keras model: {str(error).splitlines()[0]}") from None
    return keras_predictor(model, RECIPES.get(model.name))
