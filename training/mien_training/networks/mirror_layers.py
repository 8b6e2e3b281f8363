"""Layers that let a network see a face from both sides: as it is, and as its mirror image."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops


def swapped(values: Any, axis: int) -> Any:
    """Weights or maps with the channels along `axis`, in pairs of i and i + half of them, in each other's place."""
    return ops.roll(values, values.shape[axis] // 2, axis=axis)


@keras.saving.register_keras_serializable("mien_training")
class MirrorBranch(layers.Layer):  # type: ignore[misc]  # Keras ships no types
    """Puts the maps of the mirrored faces behind those of the faces, in the batch; while it learns, nothing.

    Maps (count, height, width, channels) become (2 * count, height, width, channels). The mirrored faces' maps need no
    second look: channels tied in pairs (`mirrored.py`) have made those of the faces, turned around and swapped.
    """

    def call(self, maps: Any, training: bool | None = None) -> Any:
        """Maps, or with `training` the same maps: then each face is shown from one side, by chance."""
        if training:
            return maps
        return ops.concatenate([maps, swapped(ops.flip(maps, axis=2), axis=3)], axis=0)


@keras.saving.register_keras_serializable("mien_training")
class MirrorMean(layers.Layer):  # type: ignore[misc]  # as above
    """The mean of what both sides say: (2 * count, channels) becomes (count, channels); while it learns, nothing.

    Before a dense layer it gives the mean of the logits.
    """

    def call(self, said: Any, training: bool | None = None) -> Any:
        """One row for each face."""
        return said if training else ops.mean(ops.reshape(said, (2, -1, said.shape[-1])), axis=0)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Of any number of faces."""
        return (None, *input_shape[1:])
