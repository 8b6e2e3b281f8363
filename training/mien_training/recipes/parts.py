"""Approach 1 of the student's project that mien grew from: a network that sees seven parts of a face, not the face."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from mien.expression import LABELS
from mien.vision.crop import INPUT_SIDE
from mien_training.data.augment import Augmentation
from mien_training.networks.face_parts import PARTS, place
from mien_training.recipes.recipe import Recipe

HEIGHT, WIDTH = 20, 24
"""Pixels of every part in the features matrix."""


def network() -> keras.Model:
    """Five 3x3 convolutions over the features matrix: 403,271 parameters, 26 million multiply-adds a face."""
    faces = keras.Input((INPUT_SIDE, INPUT_SIDE, 1))
    seen = convolution(features(layers.Rescaling(1 / 255)(faces)), 64)
    for channels in (96, 128):
        seen = layers.MaxPooling2D(2)(seen)
        seen = convolution(convolution(seen, channels), channels)
    seen = layers.Dropout(0.3)(layers.GlobalAveragePooling2D()(seen))
    return keras.Model(faces, layers.Dense(len(LABELS), dtype="float32")(seen), name="parts")


def features(faces: Any) -> Any:
    """The features matrix (count, 20, 24, 7) of placed faces (count, 48, 48, 1): the parts, one behind the other."""
    stack = []
    for part in PARTS.values():
        rows, columns = (part.top, INPUT_SIDE - part.bottom), (part.left, INPUT_SIDE - part.right)
        stack.append(layers.Resizing(HEIGHT, WIDTH)(layers.Cropping2D((rows, columns))(faces)))
    return layers.Concatenate(name="features")(stack)


def convolution(seen: Any, channels: int) -> Any:
    """3x3, normalised with statistics that keep up with short epochs, and rectified."""
    seen = layers.Conv2D(channels, 3, padding="same", use_bias=False)(seen)
    return layers.ReLU()(layers.BatchNormalization(momentum=0.95)(seen))


PARTS_RECIPE = Recipe(
    name="parts",
    network=network,
    epochs=14,
    batch=128,
    learning_rate=2e-3,
    weight_decay=0.05,
    augmentation=Augmentation(rotation=6, shift=0.04, scale=0.06, contrast=0.15, brightness=15, coarse=0, noise=0),
    prepare=place,
)
