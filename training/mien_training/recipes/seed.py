"""The seed: the network of the student's project that mien grew from, layer for layer.

It learns as another network, which can be written as the seed once it has learned (reparameterisation: Ding et al.
2021, arXiv:2101.03697): its dense layer is there a linear convolution, a dense layer over a quarter of the places, and
a normalisation. Templates so made are smooth, and bear faces that are a little elsewhere.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import keras
from keras import layers, ops

from mien.expression import LABELS
from mien.vision.crop import INPUT_SIDE
from mien_training.data.augment import GENTLE
from mien_training.recipes.recipe import Recipe


def network() -> keras.Model:
    """Two convolutions and a dense layer: 2,002,055 parameters, 128 of them not trainable."""
    return keras.Sequential(
        [
            *_maps(momentum=0.99),
            layers.Dropout(0.2),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(len(LABELS), dtype="float32"),
        ],
        name="seed",
    )


def learner() -> keras.Model:
    """What learns in its place: 1,703,239 parameters."""
    return keras.Sequential(
        [
            *_maps(momentum=0.95),
            layers.Dropout(0.08),
            layers.Conv2D(192, 4, strides=2, padding="same", use_bias=False),
            layers.Dropout(0.08),
            layers.Conv2D(64, 11, use_bias=False),
            layers.BatchNormalization(momentum=0.95),
            layers.ReLU(),
            layers.Flatten(),
            layers.Dropout(0.04),
            layers.Dense(len(LABELS), dtype="float32"),
        ],
        name="seed",
    )


def _maps(momentum: float) -> list[Any]:
    """What both begin with: maps of 22 x 22 places and 64 channels."""
    return [
        keras.Input((INPUT_SIDE, INPUT_SIDE, 1)),
        layers.Rescaling(1 / 255),
        layers.Conv2D(32, 3, activation="relu"),
        layers.Conv2D(64, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.BatchNormalization(momentum=momentum),
    ]


def folded(learned: keras.Model) -> keras.Model:
    """The seed that answers as what learned in its place does."""
    convolutions = [layer for layer in learned.layers if isinstance(layer, layers.Conv2D)]
    norm, last = (layer for layer in learned.layers if isinstance(layer, layers.BatchNormalization))
    scale = last.gamma / ops.sqrt(last.moving_variance + last.epsilon)
    weights = [weight for layer in (*convolutions[:2], norm) for weight in layer.get_weights()]
    weights += [_dense(convolutions[2], convolutions[3]) * scale, last.beta - last.moving_mean * scale]
    made = network()
    made.set_weights([ops.convert_to_numpy(weight) for weight in (*weights, *learned.layers[-1].get_weights())])
    return made


def _dense(first: layers.Conv2D, second: layers.Conv2D) -> Any:
    """One dense kernel (22 * 22 * 64, 64) for two linear convolutions, of which the second covers all of the first."""
    templates = ops.transpose(second.kernel, (3, 0, 1, 2))
    together = ops.conv_transpose(templates, first.kernel.value, strides=2, padding="same")
    return ops.transpose(ops.reshape(together, (len(templates), -1)))


SEED = Recipe(
    name="seed",
    network=network,
    learner=learner,
    finished=folded,
    epochs=28,
    batch=128,
    optimizer="muon",
    learning_rate=2.5e-3,
    weight_decay=0.1,
    distillation=0.85,
    mixed=0.2,
    beside=0.3,
    mirrored=True,
    augmentation=replace(GENTLE, hidden=0.08),
)
