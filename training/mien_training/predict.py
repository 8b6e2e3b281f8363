"""Logits of many faces from a Keras network or a TFLite file, in one shape for every measurement."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from mien.errors import InputError, ModelError
from mien.vision.classifier import Classifier

_BATCH = 256

Predict = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""uint8 (count, 48, 48, 1) -> float32 (count, 7), logits."""


def keras_logits(model: keras.Model, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Logits from a Keras network in inference mode. All batches are whole, so that several devices can share them."""
    whole = np.pad(images, ((0, -len(images) % _BATCH), (0, 0), (0, 0), (0, 0)))
    return np.asarray(model.predict(whole, batch_size=_BATCH, verbose=0), np.float32)[: len(images)]


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
    return lambda images: keras_logits(model, images)
