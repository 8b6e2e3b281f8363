"""Multiply-adds, checked by hand, from Keras networks and TFLite files."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from mien.vision import model_file
from mien.vision.classifier import DEFAULT_MODEL

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # TensorFlow's own
    keras = pytest.importorskip("keras", reason="needs the extra 'training'")
    tf = pytest.importorskip("tensorflow")

pytestmark = pytest.mark.filterwarnings("ignore")  # TensorFlow's and Keras's own

from mien_convert.flatbuffer import to_flatbuffer  # noqa: E402  # after the check for Keras
from mien_training.evaluation import cost  # noqa: E402
from mien_training.networks.mirror_layers import MirrorBranch, MirrorMean  # noqa: E402
from mien_training.recipes import RECIPES  # noqa: E402
from tests.mien_training.conftest import small_network  # noqa: E402


def test_multiply_adds_are_counted_from_the_network() -> None:
    """By hand, and the same from Keras's layers as from the operators of the TFLite file that they are converted to."""
    network = small_network()
    by_hand = 24 * 24 * (9 * 4 + 9 * 4 + 4 * 8) + 8 * 7
    assert cost.of_keras(network).multiply_adds == by_hand
    assert cost.of_keras(keras.Sequential([keras.Input((48, 48, 1)), network])).multiply_adds == by_hand
    flat = bytes(tf.lite.TFLiteConverter.from_keras_model(network).convert())
    assert cost.of_tflite(flat) == (len(flat), by_hand)


def test_layers_for_both_sides_of_a_face_count_twice() -> None:
    """The first of two convolutions processes the face alone, the second also its mirror image."""
    network = keras.Sequential(
        [
            keras.Input((48, 48, 1)),
            keras.layers.Conv2D(4, 3, padding="same"),
            MirrorBranch(),
            keras.layers.Conv2D(6, 3, padding="same"),
            keras.layers.GlobalAveragePooling2D(),
            MirrorMean(),
            keras.layers.Dense(7),
        ]
    )
    by_hand = 48 * 48 * 9 * (4 + 2 * 4 * 6) + 6 * 7
    assert cost.of_keras(network).multiply_adds == by_hand
    flat = to_flatbuffer(lambda images: network(images, training=False), "float32", np.zeros((1, 48, 48, 1), np.uint8))
    assert cost.of_tflite(flat).multiply_adds == by_hand
    shipped = cost.of_tflite(model_file.read(DEFAULT_MODEL)[0])
    assert shipped.multiply_adds == cost.of_keras(RECIPES["mien"].network()).multiply_adds < 150e6
    assert shipped.size < 2**20
