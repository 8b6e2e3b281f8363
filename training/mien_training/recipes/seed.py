"""The seed: the network of the student's project that mien grew from, layer for layer."""

from __future__ import annotations

import keras
from keras import layers

from mien.expression import LABELS
from mien.vision.crop import INPUT_SIDE
from mien_training.augment import Augmentation
from mien_training.recipes.recipe import Recipe


def network() -> keras.Model:
    """Two convolutions and a dense layer: 2,002,055 parameters, 128 of them not trainable."""
    return keras.Sequential(
        [
            keras.Input((INPUT_SIDE, INPUT_SIDE, 1)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(32, 3, activation="relu"),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.BatchNormalization(),
            layers.Dropout(0.2),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(len(LABELS), dtype="float32"),
        ],
        name="seed",
    )


SEED = Recipe(
    name="seed",
    network=network,
    epochs=40,
    batch=64,
    learning_rate=5e-4,
    weight_decay=0.3,
    taught=0.8,
    mixed=0.5,
    beside=0.5,
    augmentation=Augmentation(
        rotation=8, shift=0.05, scale=0.08, contrast=0.2, brightness=20, coarse=0, noise=4, hidden=0.2
    ),
)
