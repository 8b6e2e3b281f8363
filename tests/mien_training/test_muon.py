"""Muon for convolutions."""

from __future__ import annotations

import numpy as np
import pytest

from mien_training.muon import Muon

keras = pytest.importorskip("keras", reason="needs the extra 'training'")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")  # the backend's own


def test_a_step_has_the_same_length_in_every_direction() -> None:
    """A convolution's step has like singular values, however unlike its gradient's are; a narrow kernel's is Adam's."""
    rng = np.random.default_rng(0)
    wide, narrow = (keras.Variable(np.zeros((3, 3, inputs, 24), np.float32)) for inputs in (32, 1))
    gradient = rng.normal(size=wide.shape) * np.logspace(-2, 0, 24)
    Muon(0.1, weight_decay=None, adam_weight_decay=None).apply(
        [keras.ops.convert_to_tensor(gradient.astype(np.float32)), keras.ops.ones(narrow.shape)], [wide, narrow]
    )
    step = np.linalg.svd(np.asarray(wide).reshape(-1, 24), compute_uv=False)
    np.testing.assert_allclose(step, 0.1 * 0.2 * np.sqrt(3 * 3 * 32), rtol=0.4)  # as long as Adam's, on average
    np.testing.assert_allclose(np.asarray(narrow), -0.1, rtol=1e-3)
