"""A larger network that never ships: what it says of the training faces makes better targets for the small ones."""

from __future__ import annotations

from dataclasses import replace

import keras
from keras import layers

from mien.expression import LABELS
from mien.vision.crop import INPUT_SIDE
from mien_training.augment import Augmentation
from mien_training.recipes.fer2013 import convolution
from mien_training.recipes.mien import MIEN


def network() -> keras.Model:
    """Eight 3x3 convolutions in four stages, one residual: 2,436,919 parameters, 250 million multiply-adds a face."""
    faces = keras.Input((INPUT_SIDE, INPUT_SIDE, 1))
    seen = layers.ReLU()(convolution(layers.Rescaling(1 / 255)(faces), 48))
    for channels in (96, 192, 320):
        seen = layers.ReLU()(convolution(layers.MaxPooling2D(2)(seen), channels))
        if channels == 192:
            more = convolution(layers.ReLU()(convolution(seen, channels)), channels)
            seen = layers.ReLU()(layers.Add()([seen, more]))
        else:
            seen = layers.ReLU()(convolution(seen, channels))
    seen = layers.Dropout(0.3)(layers.GlobalAveragePooling2D()(seen))
    return keras.Model(faces, layers.Dense(len(LABELS), dtype="float32")(seen), name="teacher")


TEACHER = replace(
    MIEN, name="teacher", network=network, epochs=26, lift=0.0, taught=0.3, augmentation=Augmentation(hidden=0.2)
)
