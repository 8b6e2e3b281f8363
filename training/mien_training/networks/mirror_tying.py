"""Networks that are invariant to mirroring a face, by tied weights."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile
from typing import Any

import keras
from keras import ops

from mien_training.networks.mirror_layers import MirrorBranch, swap_pairs

_TOLERANCE = 1e-5  # float32 sums in another order


def tie_mirror_channels(network: keras.Model) -> None:
    """Tie the channels of each layer in pairs, i and i + half of them, that are each other's mirror image.

    Then a mirrored face yields mirrored maps and, after averaging over the width and with equal weights for both of a
    pair, the same logits. A network of free weights can only approximate that from mirrored training faces
    (equivariance: Cohen & Welling 2016, arXiv:1602.07576, here for the group of one reflection). The layers stay
    ordinary ones: after each optimiser step a constraint projects the weights onto the nearest tied ones.

    network: convolutions, normalisations and one dense output layer. Layers after `MirrorBranch` stay free, since they
    process both sides at inference.
    """
    for layer in _tied_layers(network):
        if isinstance(layer, keras.layers.Dense):
            layer.kernel.constraint = _average_pairs  # expressions have no mirror images
        elif isinstance(layer, keras.layers.Conv2D):
            layer.kernel.constraint = mirror_kernel
            if layer.use_bias:
                layer.bias.constraint = _average_pairs
        elif isinstance(layer, keras.layers.BatchNormalization):
            layer.gamma.constraint = layer.beta.constraint = _average_pairs


def is_mirrored(network: keras.Model) -> bool:
    """Return whether the channels of the convolutions are tied in this way."""
    kernels = (layer.kernel for layer in _tied_layers(network) if isinstance(layer, keras.layers.Conv2D))
    return all(bool(ops.max(ops.abs(kernel - mirror_kernel(kernel))) < _TOLERANCE) for kernel in kernels)


def average_statistics(network: keras.Model) -> None:
    """Replace the running statistics of each pair by their mean: no constraint applies to them, and batches vary."""
    for layer in _tied_layers(network):
        if isinstance(layer, keras.layers.BatchNormalization):
            for statistic in (layer.moving_mean, layer.moving_variance):
                statistic.assign(_average_pairs(statistic))


def mirror_kernel(kernel: Any) -> Any:
    """Return the nearest tied kernel to (height, width, in, out): its mean with its mirror image.

    A single input channel, such as a face, is its own mirror image.
    """
    return (kernel + swap_pairs(swap_pairs(ops.flip(kernel, axis=1), axis=2), axis=3)) / 2


def _tied_layers(network: keras.Model) -> Iterator[keras.layers.Layer]:
    """Yield the layers that process one side only."""
    return takewhile(lambda layer: not isinstance(layer, MirrorBranch), network.layers)


def _average_pairs(weights: Any) -> Any:
    """Return the nearest weights (channels, ...) that are equal for both of a pair."""
    return (weights + swap_pairs(weights, axis=0)) / 2
