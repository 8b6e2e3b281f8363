"""Approach 1 of the student's project that mien grew from: a network whose input is seven parts of a face."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from mien.expression import LABELS
from mien.vision.crop import INPUT_SIDE
from mien_training.data.augment import Augmentation
from mien_training.networks.face_parts import PARTS, align_faces
from mien_training.recipes.recipe import Recipe

HEIGHT, WIDTH = 20, 24
"""Pixels of every part in the feature matrix."""


def network() -> keras.Model:
    """Build five 3x3 convolutions over the feature matrix: 403,271 parameters, 26 million multiply-adds a face."""
    faces = keras.Input((INPUT_SIDE, INPUT_SIDE, 1))
    maps = convolution(features(layers.Rescaling(1 / 255)(faces)), 64)
    for channels in (96, 128):
        maps = layers.MaxPooling2D(2)(maps)
        maps = convolution(convolution(maps, channels), channels)
    pooled = layers.Dropout(0.3)(layers.GlobalAveragePooling2D()(maps))
    return keras.Model(faces, layers.Dense(len(LABELS), dtype="float32")(pooled), name="parts")


def features(faces: Any) -> Any:
    """Return the feature matrix (count, 20, 24, 7) of aligned faces (count, 48, 48, 1), a channel a part."""
    stack = []
    for part in PARTS.values():
        rows, columns = (part.top, INPUT_SIDE - part.bottom), (part.left, INPUT_SIDE - part.right)
        stack.append(layers.Resizing(HEIGHT, WIDTH)(layers.Cropping2D((rows, columns))(faces)))
    return layers.Concatenate(name="features")(stack)


def convolution(maps: Any, channels: int) -> Any:
    """Apply a 3x3 convolution, batch normalization (momentum 0.95, for short epochs) and ReLU."""
    maps = layers.Conv2D(channels, 3, padding="same", use_bias=False)(maps)
    return layers.ReLU()(layers.BatchNormalization(momentum=0.95)(maps))


PARTS_RECIPE = Recipe(
    name="parts",
    network=network,
    epochs=14,
    batch=128,
    learning_rate=2e-3,
    weight_decay=0.05,
    augmentation=Augmentation(
        rotation=6, shift=0.04, scale=0.06, contrast=0.15, brightness=15, low_resolution=0, noise=0
    ),
    prepare=align_faces,
)
