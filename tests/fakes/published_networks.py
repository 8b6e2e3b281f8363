"""Architectures that were published for FER2013, tiny but true to kind, in Keras 3 and in Keras 2 (tf_keras).

Their features are random; the last layer is fitted to the patterns of pattern_faces, so that they classify them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from mien.expression import LABELS
from tests.fakes.pattern_faces import patterns


def mini_xception(k: Any) -> Any:
    """Residual separable convolutions (Arriaga 2017, the network of PyPI's `fer`), with softmax as its own layer."""
    layers = k.layers
    image = k.Input((48, 48, 1))
    x = layers.Conv2D(6, 3, use_bias=False, strides=2)(layers.Rescaling(1 / 127.5, offset=-1)(image))
    x = layers.Activation("relu")(layers.BatchNormalization()(x))
    side = layers.BatchNormalization()(layers.Conv2D(12, 1, strides=2, padding="same", use_bias=False)(x))
    x = layers.SeparableConv2D(12, 3, padding="same", use_bias=False, depthwise_regularizer="l2")(x)
    x = layers.Activation("relu")(layers.BatchNormalization()(x))
    x = layers.BatchNormalization()(layers.SeparableConv2D(12, 3, padding="same", use_bias=False)(x))
    x = layers.add([layers.MaxPooling2D(3, strides=2, padding="same")(x), side])
    return _head(k, image, layers.Flatten()(layers.AveragePooling2D(2)(x)))


def vgg(k: Any) -> Any:
    """Pairs of convolutions, dropout, and a dense layer before the last: Sequential, without normalised input."""
    layers = k.layers
    return k.Sequential(
        [
            k.Input((48, 48, 1)),
            layers.Conv2D(4, 3, padding="same", activation="relu"),
            layers.Conv2D(4, 3, padding="same", activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.Dropout(0.25),
            layers.Conv2D(8, 3, padding="same", activation="elu", kernel_initializer="he_normal"),
            layers.MaxPooling2D(4),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
            layers.Dense(len(LABELS), activation="softmax"),
        ]
    )


def resnet(k: Any) -> Any:
    """Blocks with a shortcut, one of them projected, before which the image is padded."""
    layers = k.layers
    image = k.Input((48, 48, 1))
    x = layers.ZeroPadding2D(3)(layers.Rescaling(1 / 255)(image))
    x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(8, 7, strides=2, name="conv1")(x)))
    x = layers.MaxPooling2D(3, strides=2)(layers.ZeroPadding2D(1)(x))
    for width, strides in ((8, 1), (12, 2)):
        y = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(width, 3, strides=strides, padding="same")(x)))
        y = layers.BatchNormalization()(layers.Conv2D(width, 3, padding="same")(y))
        if strides > 1:
            x = layers.BatchNormalization()(layers.Conv2D(width, 1, strides=strides)(x))
        x = layers.Activation("relu")(layers.Add()([x, y]))
    return _head(k, image, layers.Flatten()(x))


def mobilenet(k: Any) -> Any:
    """Depthwise-separable blocks with ReLU6, and squeeze and excitation."""
    layers = k.layers
    image = k.Input((48, 48, 1))
    x = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(layers.Rescaling(1 / 127.5, -1)(image))
    x = layers.ReLU(6.0)(layers.BatchNormalization(momentum=0.999)(x))
    for width, strides in ((8, 2), (12, 1)):
        x = layers.DepthwiseConv2D(3, strides=strides, padding="same", use_bias=False)(x)
        x = layers.ReLU(6.0)(layers.BatchNormalization()(x))
        x = layers.ReLU(6.0)(layers.BatchNormalization()(layers.Conv2D(width, 1, use_bias=False)(x)))
    weights = layers.Dense(12, activation="sigmoid")(layers.GlobalAveragePooling2D(keepdims=True)(x))
    x = layers.SpatialDropout2D(0.1)(layers.Multiply()([x, weights]))
    return _head(k, image, layers.Flatten()(layers.AveragePooling2D(2)(x)))


def augmented(k: Any) -> Any:
    """A network with its augmentation inside, as a Sequential at its start, and a transposed convolution."""
    layers = k.layers
    image = k.Input((48, 48, 1))
    augmentation = [layers.RandomFlip("horizontal"), layers.RandomRotation(0.1), layers.RandomZoom(0.1)]
    x = layers.Rescaling(1 / 255)(k.Sequential([k.Input((48, 48, 1)), *augmentation], name="augmentation")(image))
    x = layers.LeakyReLU(0.1)(layers.Conv2D(6, 5, strides=4, padding="same")(layers.GaussianNoise(0.1)(x)))
    x = layers.BatchNormalization()(layers.Conv2DTranspose(6, 3, strides=2, padding="same")(x))
    return _head(k, image, layers.Flatten()(layers.MaxPooling2D(3)(x)))


def _head(k: Any, image: Any, features: Any) -> Any:
    return k.Model(image, k.layers.Activation("softmax", name="predictions")(k.layers.Dense(len(LABELS))(features)))


ARCHITECTURES: dict[str, Callable[[Any], Any]] = {
    network.__name__: network for network in (mini_xception, vgg, resnet, mobilenet, augmented)
}


def fitted(architecture: str) -> Any:
    """Build a Keras 3 network with random features and statistics, whose last layer is fitted to the patterns."""
    keras.utils.set_random_seed(1)
    network = ARCHITECTURES[architecture](keras)
    rng = np.random.default_rng(1)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            gamma, beta, mean, variance = (rng.uniform(0, 0.2, weight.shape) for weight in layer.get_weights())
            layer.set_weights([0.9 + gamma, beta, mean, 0.5 + variance])
    dense = next(layer for layer in reversed(network.layers) if isinstance(layer, keras.layers.Dense))
    images, labels = _training_images()
    scale = 255 if architecture == "vgg" else 1  # the only one without Rescaling
    features = np.asarray(keras.Model(network.inputs, dense.input)(images / scale, training=False), np.float64)
    extended = np.hstack([features, np.ones((len(features), 1))])
    targets = 12 * np.eye(len(LABELS))[labels] - 6
    damped = extended.T @ extended + 1e-3 * np.trace(extended.T @ extended) / extended.shape[1] * np.eye(
        extended.shape[1]
    )
    solution = np.linalg.solve(damped, extended.T @ targets)
    dense.set_weights([solution[:-1], solution[-1]])
    return network


def twin(network: Any, architecture: str, k: Any) -> Any:
    """Build the same network with another Keras, with the same weights."""
    other = ARCHITECTURES[architecture](k)
    for layer, own in zip(other.layers, network.layers, strict=True):
        if own.get_weights() and not isinstance(own, keras.Sequential):
            layer.set_weights(own.get_weights())
    return other


def save_as(network: Any, path: Path) -> Path:
    """Write a file in the format of the suffix, or a SavedModel without one, with the network's own Keras."""
    if path.suffix:
        network.save(path)
    elif isinstance(network, keras.Model):
        network.export(path, verbose=False)
    else:
        network.save(path, save_format="tf")
    return path


def _training_images() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    rng, labels = np.random.default_rng(3), np.repeat(np.arange(len(LABELS)), 12)
    images = np.kron(patterns()[labels], np.ones((1, 8, 8))) + rng.normal(0, 12, (len(labels), 48, 48))
    return np.clip(images, 0, 255).astype(np.float32)[..., np.newaxis], labels
