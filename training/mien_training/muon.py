"""Muon (Jordan et al. 2024, kellerjordan.github.io/posts/muon), which trains these networks in fewer epochs."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

_FEWEST = 16  # rows or columns: below, as in the first convolution and the layer that names, Adam does as well


@keras.saving.register_keras_serializable("mien_training")
class Muon(keras.optimizers.Muon):  # type: ignore[misc]  # Keras ships no types
    """Keras's Muon, which takes matrices only, for convolutions too.

    A kernel counts as a matrix of one row for each number that it sees and one column for each of its outputs. Its step
    has the same length in all directions, and is as long as Adam's (Liu et al. 2025, arXiv:2502.16982), so that both
    share one rate. What has fewer than two dimensions, or is narrow, is left to AdamW, as in Keras's.
    """

    def _should_use_adamw(self, variable: Any) -> bool:
        return len(variable.shape) < 2 or min(_as_matrix(variable).shape) < _FEWEST

    def _muon_update_step(self, gradient: Any, variable: Any, lr: Any, m: Any) -> None:
        self.assign_add(m, gradient + m * (self.momentum - 1))
        ahead = _as_matrix(gradient + self.momentum * m)
        step = self.lr_adjust(lr * self.zeropower_via_newtonschulz5(ahead, self.ns_steps))
        self.assign_sub(variable, ops.reshape(step, variable.shape))


def _as_matrix(kernel: Any) -> Any:
    return ops.reshape(kernel, (-1, kernel.shape[-1]))
