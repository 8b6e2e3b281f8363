"""The seed: the network of the student's project that mien grew from, layer for layer.

Another network is trained in its place and merged into the seed afterwards (structural reparameterisation: Ding et al.
2021, arXiv:2101.03697): a linear convolution, a dense layer over a quarter of the places and a batch normalization in
place of the seed's dense layer. The templates of the merged dense layer are smooth, so that small shifts of a face
change its output little.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import keras
from keras import layers, ops

from mien.expression import LABELS
from mien.vision.crop import INPUT_SIDE
from mien_training.data.augment import MILD_AUGMENTATION
from mien_training.recipes.recipe import Recipe


def network() -> keras.Model:
    """Build two convolutions and a dense layer: 2,002,055 parameters, 128 of them not trainable."""
    return keras.Sequential(
        [
            *_stem(momentum=0.99),
            layers.Dropout(0.2),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(len(LABELS), dtype="float32"),
        ],
        name="seed",
    )


def learner() -> keras.Model:
    """Build the network that is trained in the seed's place: 1,703,239 parameters."""
    return keras.Sequential(
        [
            *_stem(momentum=0.95),
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


def _stem(momentum: float) -> list[Any]:
    """Return the layers that both share; their output is (count, 22, 22, 64)."""
    return [
        keras.Input((INPUT_SIDE, INPUT_SIDE, 1)),
        layers.Rescaling(1 / 255),
        layers.Conv2D(32, 3, activation="relu"),
        layers.Conv2D(64, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.BatchNormalization(momentum=momentum),
    ]


def merge_learner(trained: keras.Model) -> keras.Model:
    """Return the seed with the same logits as a trained `learner`."""
    convolutions = [layer for layer in trained.layers if isinstance(layer, layers.Conv2D)]
    norm, last = (layer for layer in trained.layers if isinstance(layer, layers.BatchNormalization))
    scale = last.gamma / ops.sqrt(last.moving_variance + last.epsilon)
    weights = [weight for layer in (*convolutions[:2], norm) for weight in layer.get_weights()]
    weights += [_merge_convolutions(convolutions[2], convolutions[3]) * scale, last.beta - last.moving_mean * scale]
    seed = network()
    seed.set_weights([ops.convert_to_numpy(weight) for weight in (*weights, *trained.layers[-1].get_weights())])
    return seed


def _merge_convolutions(first: layers.Conv2D, second: layers.Conv2D) -> Any:
    """Return the dense kernel (22 * 22 * 64, 64) of two linear convolutions, the second as large as its input."""
    templates = ops.transpose(second.kernel, (3, 0, 1, 2))
    merged = ops.conv_transpose(templates, first.kernel.value, strides=2, padding="same")
    return ops.transpose(ops.reshape(merged, (len(templates), -1)))


SEED = Recipe(
    name="seed",
    network=network,
    learner=learner,
    export=merge_learner,
    epochs=28,
    batch=128,
    optimizer="muon",
    learning_rate=2.5e-3,
    weight_decay=0.1,
    distillation=0.85,
    mixup=0.2,
    auxiliary=0.3,
    mirrored=True,
    augmentation=replace(MILD_AUGMENTATION, random_erasing=0.08),
)
