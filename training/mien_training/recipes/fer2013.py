"""The best network for FER2013's own labels: one student's word on each face."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from mien.expression import LABELS
from mien.vision.crop import INPUT_SIDE
from mien_training.augment import Augmentation
from mien_training.recipes.recipe import Recipe


def network() -> keras.Model:
    """A small residual network (He et al. 2016): 1,005,399 parameters, 124 million multiply-adds a face.

    Ten 3x3 convolutions: one on the whole face, then three stages, each of a halving one and a block of two.
    """
    faces = keras.Input((INPUT_SIDE, INPUT_SIDE, 1))
    seen = layers.ReLU()(convolution(layers.Rescaling(1 / 255)(faces), 32))
    for channels in (64, 128, 144):
        seen = layers.ReLU()(convolution(seen, channels, stride=2))
        more = convolution(layers.ReLU()(convolution(seen, channels)), channels)
        seen = layers.ReLU()(layers.Add()([seen, more]))
    seen = layers.Dropout(0.3)(layers.GlobalAveragePooling2D()(seen))
    return keras.Model(faces, layers.Dense(len(LABELS), dtype="float32")(seen), name="fer2013")


def convolution(seen: Any, channels: int, stride: int = 1) -> Any:
    """3x3, normalised with statistics that keep up with short epochs."""
    if stride > 1:  # zeros all around: each output stands over the middle of what it sees, on every backend
        seen = layers.ZeroPadding2D(1)(seen)
    seen = layers.Conv2D(channels, 3, stride, padding="same" if stride == 1 else "valid", use_bias=False)(seen)
    return layers.BatchNormalization(momentum=0.95)(seen)


FER2013 = Recipe(
    name="fer2013",
    network=network,
    epochs=60,
    batch=64,
    optimizer="sgd",
    learning_rate=0.03,
    weight_decay=0.005,
    taught=0.4,
    mixed=0.4,
    beside=0.5,
    augmentation=Augmentation(
        rotation=8, shift=0.05, scale=0.08, contrast=0.18, brightness=18, coarse=0.1, noise=4, hidden=0.3
    ),
)
