"""The network that ships: trained on FER2013's own labels, and the teacher of smaller ones."""

from __future__ import annotations

import keras
from keras import layers

from mien.expression import LABELS
from mien.vision.crop import INPUT_SIDE
from mien_training.augment import Augmentation
from mien_training.recipes.recipe import Recipe


def network() -> keras.Model:
    """Seven convolutions in four stages, each with half the side and twice the channels of the one before."""
    stack = [keras.Input((INPUT_SIDE, INPUT_SIDE, 1)), layers.Rescaling(1 / 255), *_convolution(32)]
    for channels in (64, 128, 256):
        stack += [layers.MaxPooling2D(2), *_convolution(channels), *_convolution(channels)]
    stack += [layers.GlobalAveragePooling2D(), layers.Dropout(0.4), layers.Dense(len(LABELS), dtype="float32")]
    return keras.Sequential(stack, name="fer2013")


def _convolution(channels: int) -> list[layers.Layer]:
    """3x3, normalised with statistics that keep up with short epochs."""
    return [
        layers.Conv2D(channels, 3, padding="same", use_bias=False),
        layers.BatchNormalization(momentum=0.95),
        layers.ReLU(),
    ]


FER2013 = Recipe(
    name="fer2013",
    network=network,
    epochs=18,
    batch=64,
    learning_rate=1e-3,
    weight_decay=0.05,
    augmentation=Augmentation(rotation=10, shift=0.06, scale=0.1, contrast=0.2, brightness=20),
)
