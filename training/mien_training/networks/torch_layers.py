"""Keras's layers as torch does them quickest on a CPU; on other backends they are Keras's own.

Keras's torch backend copies feature maps between channels last and first around each layer, and makes a normalisation
of a dozen passes over float32 copies: together that takes longer than the convolutions. torch's own kernels read maps
with channels last, and bfloat16, as they are. The layers have Keras's names, weights and results; only the running
variance is that of a sample (n - 1) instead of the batch (n), a difference of one in thousands.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers


def quicker(network: keras.Model) -> keras.Model:
    """The same network made of these layers, on torch; elsewhere the network itself."""
    if keras.backend.backend() != "torch":
        return network
    made = keras.models.clone_model(network, clone_function=_cloned)
    made.set_weights(network.get_weights())
    return made


def _cloned(layer: keras.layers.Layer) -> keras.layers.Layer:
    kind = next((quick for quick in (Conv2D, BatchNormalization, MaxPooling2D) if type(layer) in quick.__bases__), None)
    return (kind or type(layer)).from_config(layer.get_config())


@keras.saving.register_keras_serializable("mien_training")
class Conv2D(layers.Conv2D):  # type: ignore[misc]  # Keras ships no types
    """A convolution over maps with channels last."""

    def call(self, inputs: Any) -> Any:
        """Convolve; steps and paddings that torch counts otherwise are left to Keras."""
        same = self.padding == "same" and self.strides == (1, 1) and all(side % 2 for side in self.kernel_size)
        if _is_shape(inputs) or not (same or self.padding == "valid") or self.groups != 1:
            return super().call(inputs)
        from torch.nn.functional import conv2d

        maps = conv2d(
            inputs.permute(0, 3, 1, 2),
            keras.ops.cast(self.kernel, self.compute_dtype).permute(3, 2, 0, 1),
            keras.ops.cast(self.bias, self.compute_dtype) if self.use_bias else None,
            stride=self.strides,
            padding=tuple(side // 2 for side in self.kernel_size) if same else 0,
            dilation=self.dilation_rate,
        )
        return self.activation(maps.permute(0, 2, 3, 1))


@keras.saving.register_keras_serializable("mien_training")
class BatchNormalization(layers.BatchNormalization):  # type: ignore[misc]  # as above
    """A normalisation in one pass."""

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalise; with `training`, by the batch's own statistics."""
        if _is_shape(inputs) or inputs.ndim != 4:
            return super().call(inputs, training=training, mask=mask)
        from torch.nn.functional import batch_norm

        maps = batch_norm(
            inputs.permute(0, 3, 1, 2),
            self.moving_mean.value,
            self.moving_variance.value,
            self.gamma.value,
            self.beta.value,
            training=bool(training),
            momentum=1 - self.momentum,
            eps=self.epsilon,
        )
        return maps.permute(0, 2, 3, 1)


@keras.saving.register_keras_serializable("mien_training")
class MaxPooling2D(layers.MaxPooling2D):  # type: ignore[misc]  # as above
    """The largest of each window."""

    def call(self, inputs: Any) -> Any:
        """Pool; windows that hang over the edge are left to Keras."""
        if _is_shape(inputs) or self.padding != "valid":
            return super().call(inputs)
        from torch.nn.functional import max_pool2d

        return max_pool2d(inputs.permute(0, 3, 1, 2), self.pool_size, self.strides).permute(0, 2, 3, 1)


def _is_shape(inputs: Any) -> bool:
    """Whether Keras only asks for shapes, with tensors that hold nothing."""
    return bool(inputs.device.type == "meta")
