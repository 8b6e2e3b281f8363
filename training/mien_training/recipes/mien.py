"""The network that ships, on FER+'s votes: what ten people saw in each face."""

from __future__ import annotations

import keras
from keras import layers

from mien.expression import LABELS
from mien.vision.crop import INPUT_SIDE
from mien_training.augment import Augmentation
from mien_training.recipes.recipe import Recipe


def network() -> keras.Model:
    """Eight 3x3 convolutions in four stages of halved side: 982,247 parameters, 105 million multiply-adds a face."""
    stack = [keras.Input((INPUT_SIDE, INPUT_SIDE, 1)), layers.Rescaling(1 / 255), *_convolution(32)]
    for stage in ((64, 64), (128, 128, 128), (192, 192)):
        stack.append(layers.MaxPooling2D(2))
        for channels in stage:
            stack += _convolution(channels)
    stack += [layers.GlobalAveragePooling2D(), layers.Dropout(0.2), layers.Dense(len(LABELS), dtype="float32")]
    return keras.Sequential(stack, name="mien")


def _convolution(channels: int) -> list[layers.Layer]:
    """3x3, normalised with statistics that keep up with short epochs."""
    return [
        layers.Conv2D(channels, 3, padding="same", use_bias=False),
        layers.BatchNormalization(momentum=0.95),
        layers.ReLU(),
    ]


MIEN = Recipe(
    name="mien",
    network=network,
    epochs=48,
    batch=128,
    optimizer="muon",
    learning_rate=3e-3,
    weight_decay=0.1,
    view="ferplus",
    balance=0.4,
    lift=0.05,
    beside=0.3,
    augmentation=Augmentation(hidden=0.1),
    gentle=Augmentation(rotation=7.0, shift=0.05, scale=0.07, contrast=0.15, brightness=15.0, coarse=0.15, noise=5.0),
)
