"""Networks to which a face and its mirror image are the same, by construction."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile
from typing import Any

import keras
from keras import ops

from mien_training.networks.mirror_layers import MirrorBranch, swapped

_NEARLY = 1e-5  # float32 sums in another order


def tie_mirror_channels(network: keras.Model) -> None:
    """Tie the channels of each layer in pairs, i and i + half of them, that are each other's mirror image.

    Then a mirrored face makes mirrored maps, and once these are averaged over their width, and a pair counts alike in
    what is named, the same answer. A network of free weights has to learn that from mirrored faces, and does so only
    nearly (equivariance: Cohen & Welling 2016, arXiv:1602.07576, here for the group of one mirror). The network stays
    an ordinary one: after each step the optimiser moves its weights to the nearest that are so tied.

    network: convolutions, normalisations, and one dense layer that names. Those after `MirrorBranch` stay free: they
    are asked for both of them in the end.
    """
    for layer in _tied(network):
        if isinstance(layer, keras.layers.Dense):
            layer.kernel.constraint = _paired  # the expressions themselves have no mirror image
        elif isinstance(layer, keras.layers.Conv2D):
            layer.kernel.constraint = mirrored
            if layer.use_bias:
                layer.bias.constraint = _paired
        elif isinstance(layer, keras.layers.BatchNormalization):
            layer.gamma.constraint = layer.beta.constraint = _paired


def is_mirrored(network: keras.Model) -> bool:
    """Whether the convolutions are so tied."""
    kernels = (layer.kernel for layer in _tied(network) if isinstance(layer, keras.layers.Conv2D))
    return all(bool(ops.max(ops.abs(kernel - mirrored(kernel))) < _NEARLY) for kernel in kernels)


def settle_statistics(network: keras.Model) -> None:
    """Make the running statistics of a pair the same: no optimiser moves them, and batches differ by chance."""
    for layer in _tied(network):
        if isinstance(layer, keras.layers.BatchNormalization):
            for statistic in (layer.moving_mean, layer.moving_variance):
                statistic.assign(_paired(statistic))


def mirrored(kernel: Any) -> Any:
    """The nearest kernel to (height, width, in, out) whose channels are such pairs: its mean with its mirror image.

    A single channel in, as of a face, is its own mirror image.
    """
    return (kernel + swapped(swapped(ops.flip(kernel, axis=1), axis=2), axis=3)) / 2


def _tied(network: keras.Model) -> Iterator[keras.layers.Layer]:
    """Layers that see but one side."""
    return takewhile(lambda layer: not isinstance(layer, MirrorBranch), network.layers)


def _paired(weights: Any) -> Any:
    """The nearest weights (channels, ...) that are the same for both of a pair."""
    return (weights + swapped(weights, axis=0)) / 2
