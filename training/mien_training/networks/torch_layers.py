"""Keras layers on torch's fast CPU kernels; on other backends Keras's own layers are used.

Keras's torch backend copies feature maps between channels last and first around each layer, and computes a
normalisation in a dozen passes over float32 copies: together that takes longer than the convolutions. torch's own
kernels take maps with channels last, and bfloat16, directly. The layers have Keras's names, weights and results; only
the running variance is that of a sample (n - 1) instead of the batch (n), a difference of one in thousands.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers


def use_torch_layers(network: keras.Model) -> keras.Model:
    """Return the same network built of these layers, on torch; on other backends the network itself."""
    if keras.backend.backend() != "torch":
        return network
    clone = keras.models.clone_model(network, clone_function=_clone_layer)
    clone.set_weights(network.get_weights())
    return clone


def _clone_layer(layer: keras.layers.Layer) -> keras.layers.Layer:
    kind = next((quick for quick in (Conv2D, BatchNormalization, MaxPooling2D) if type(layer) in quick.__bases__), None)
    return (kind or type(layer)).from_config(layer.get_config())


@keras.saving.register_keras_serializable("mien_training")
class Conv2D(layers.Conv2D):  # type: ignore[misc]  # Keras ships no types
    """A convolution of maps with channels last."""

    def call(self, inputs: Any) -> Any:
        """Convolve; Keras handles strides and paddings that torch defines differently."""
        same = self.padding == "same" and self.strides == (1, 1) and all(side % 2 for side in self.kernel_size)
        if _is_symbolic(inputs) or not (same or self.padding == "valid") or self.groups != 1:
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
    """A batch normalization in one pass."""

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalise; with `training`, by the statistics of the batch."""
        if _is_symbolic(inputs) or inputs.ndim != 4:
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
    """A maximum over windows."""

    def call(self, inputs: Any) -> Any:
        """Pool; Keras handles windows that reach beyond the edge."""
        if _is_symbolic(inputs) or self.padding != "valid":
            return super().call(inputs)
        from torch.nn.functional import max_pool2d

        return max_pool2d(inputs.permute(0, 3, 1, 2), self.pool_size, self.strides).permute(0, 2, 3, 1)


def _is_symbolic(inputs: Any) -> bool:
    """Return whether Keras is only inferring shapes, with tensors without data."""
    return bool(inputs.device.type == "meta")
