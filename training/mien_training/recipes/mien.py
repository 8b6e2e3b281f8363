"""The network that ships, trained on FER+'s votes (`mien`) or on FER2013's own labels (`fer2013`)."""

from __future__ import annotations

from dataclasses import replace

import keras
from keras import layers

from mien.expression import LABELS
from mien.vision.crop import INPUT_SIDE
from mien_training.data.augment import DEVICE_AUGMENTATION, MILD_AUGMENTATION, Augmentation
from mien_training.networks.mirror_layers import MirrorBranch, MirrorMean
from mien_training.recipes.recipe import Recipe


def network() -> keras.Model:
    """Build eight 3x3 convolutions in four stages of halved side: 859,911 parameters, 149 million multiply-adds a face.

    The first three convolutions have mirrored channel pairs and process each face once; the other five process the face
    and its mirror image.
    """
    stack = [keras.Input((INPUT_SIDE, INPUT_SIDE, 1)), layers.Rescaling(1 / 255), *_convolutions(32)]
    stack += [layers.MaxPooling2D(2), *_convolutions(64, 64)]
    stack += [layers.MaxPooling2D(2), MirrorBranch(), *_convolutions(112, 104, 112)]
    stack += [layers.MaxPooling2D(2), *_convolutions(192, 192), layers.GlobalAveragePooling2D(), MirrorMean()]
    stack += [layers.Dropout(0.2), layers.Dense(len(LABELS), dtype="float32")]
    return keras.Sequential(stack, name="mien")


def _convolutions(*channels: int) -> list[layers.Layer]:
    """Return 3x3 convolutions, each with batch normalization (momentum 0.95, for short epochs) and ReLU."""
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
    resampling=0.4,
    auxiliary=0.3,
    mirrored=True,
    augmentation=Augmentation(random_erasing=0.1),
    final_augmentation=MILD_AUGMENTATION,
)

MIEN_DEVICE = replace(
    MIEN,
    name="mien-device",
    epochs=7,
    learning_rate=2e-3,
    mixup=0.2,
    augmentation=DEVICE_AUGMENTATION,
    final_augmentation=None,
)
"""Fine-tunes a run of `mien` (`--start`) for the boxes of the device's detectors; `training/ship.sh` runs both."""

FER2013 = replace(
    MIEN,
    name="fer2013",
    view="fer2013",
    resampling=0.0,
    mixup=0.4,
    auxiliary=0.4,
    augmentation=Augmentation(random_erasing=0.15),
)
