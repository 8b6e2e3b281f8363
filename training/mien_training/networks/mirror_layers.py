"""Layers with which a network processes a face and its mirror image in one call."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops


def swap_pairs(values: Any, axis: int) -> Any:
    """Swap the two channels of each pair along `axis`; a pair is i and i + half the number of channels."""
    return ops.roll(values, values.shape[axis] // 2, axis=axis)


@keras.saving.register_keras_serializable("mien_training")
class MirrorBranch(layers.Layer):  # type: ignore[misc]  # Keras ships no types
    """Appends the feature maps of the mirrored faces to the batch; in training, the identity.

    Maps (count, height, width, channels) become (2 * count, height, width, channels). The mirrored faces' maps need no
    second pass: with channels tied in mirrored pairs (`mirror_tying.py`) they are the faces' maps, flipped and swapped.
    """

    def call(self, maps: Any, training: bool | None = None) -> Any:
        """Return the maps of both sides; with `training` those of one side, which augmentation chooses at random."""
        if training:
            return maps
        return ops.concatenate([maps, swap_pairs(ops.flip(maps, axis=2), axis=3)], axis=0)


@keras.saving.register_keras_serializable("mien_training")
class MirrorMean(layers.Layer):  # type: ignore[misc]  # as above
    """The mean over both sides: (2 * count, channels) becomes (count, channels); in training, the identity.

    In front of a dense layer it yields the mean of the logits.
    """

    def call(self, features: Any, training: bool | None = None) -> Any:
        """Return one row for each face."""
        return features if training else ops.mean(ops.reshape(features, (2, -1, features.shape[-1])), axis=0)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape for any number of faces."""
        return (None, *input_shape[1:])
