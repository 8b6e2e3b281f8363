"""Muon (Jordan et al. 2024, kellerjordan.github.io/posts/muon), which trains these networks in fewer epochs."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

_MIN_SIDE = 16  # rows or columns; AdamW does as well on narrower kernels: the first convolution, the last dense layer


@keras.saving.register_keras_serializable("mien_training")
class Muon(keras.optimizers.Muon):  # type: ignore[misc]  # Keras ships no types
    """Keras's Muon, which is for matrices only, extended to convolutions.

    A kernel is taken as a matrix with a row for each input value and a column for each output. Its update has the same
    length in all directions and the root mean square of Adam's (Liu et al. 2025, arXiv:2502.16982), so that both share
    one learning rate. As in Keras's class, AdamW updates variables of fewer than two dimensions, and narrow ones.
    """

    def _should_use_adamw(self, variable: Any) -> bool:
        return len(variable.shape) < 2 or min(_as_matrix(variable).shape) < _MIN_SIDE

    def _muon_update_step(self, gradient: Any, variable: Any, lr: Any, m: Any) -> None:
        self.assign_add(m, gradient + m * (self.momentum - 1))
        ahead = _as_matrix(gradient + self.momentum * m)
        step = self.lr_adjust(lr * self.zeropower_via_newtonschulz5(ahead, self.ns_steps))
        self.assign_sub(variable, ops.reshape(step, variable.shape))


def _as_matrix(kernel: Any) -> Any:
    return ops.reshape(kernel, (-1, kernel.shape[-1]))
