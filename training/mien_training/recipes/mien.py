"""The network that ships, on FER+'s votes: what ten people saw in each face."""

from __future__ import annotations

import keras
from keras import layers

from mien.expression import LABELS
from mien.vision.crop import INPUT_SIDE
from mien_training.data.augment import GENTLE, Augmentation
from mien_training.networks.mirror_layers import MirrorBranch, MirrorMean
from mien_training.recipes.recipe import Recipe


def network() -> keras.Model:
    """Eight 3x3 convolutions in four stages of halved side: 859,911 parameters, 149 million multiply-adds a face.

    The first three, in mirrored pairs, see a face once; the others see both the face and its mirror image.
    """
    stack = [keras.Input((INPUT_SIDE, INPUT_SIDE, 1)), layers.Rescaling(1 / 255), *_convolutions(32)]
    stack += [layers.MaxPooling2D(2), *_convolutions(64, 64)]
    stack += [layers.MaxPooling2D(2), MirrorBranch(), *_convolutions(112, 104, 112)]
    stack += [layers.MaxPooling2D(2), *_convolutions(192, 192), layers.GlobalAveragePooling2D(), MirrorMean()]
    stack += [layers.Dropout(0.2), layers.Dense(len(LABELS), dtype="float32")]
    return keras.Sequential(stack, name="mien")


def _convolutions(*channels: int) -> list[layers.Layer]:
    """3x3, each normalised with statistics that keep up with short epochs."""
    stack = []
    for count in channels:
        stack.append(layers.Conv2D(count, 3, padding="same", use_bias=False))
        stack += [layers.BatchNormalization(momentum=0.95), layers.ReLU()]
    return stack


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
    lift=0.03,
    beside=0.3,
    mirrored=True,
    augmentation=Augmentation(hidden=0.1),
    gentle=GENTLE,
)
