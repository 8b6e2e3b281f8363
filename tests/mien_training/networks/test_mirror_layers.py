"""Layers that process a face and its mirror image."""

from __future__ import annotations

import numpy as np
import pytest

from mien_training.evaluation.predict import keras_logits
from mien_training.networks.mirror_layers import MirrorBranch, MirrorMean
from mien_training.networks.mirror_tying import mirror_kernel
from mien_training.recipes import RECIPES

keras = pytest.importorskip("keras", reason="needs the extra 'training'")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")  # the backend's own


def test_both_sides_of_a_face_have_equal_weight() -> None:
    """The logits of a finished `mien` are the mean of those of its layers for a face and for its mirror image."""
    network = RECIPES["mien"].network()
    kernels = [layer.kernel for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]
    for kernel in kernels[:3]:
        kernel.assign(mirror_kernel(kernel))
    one_sided = keras.Sequential(
        [layer for layer in network.layers if not isinstance(layer, MirrorBranch | MirrorMean)]
    )
    faces = np.random.default_rng(7).integers(0, 256, (9, 48, 48, 1)).astype(np.uint8)
    original, flipped = (keras_logits(one_sided, images) for images in (faces, faces[:, :, ::-1]))
    size = np.abs(original).max()
    np.testing.assert_allclose(keras_logits(network, faces), (original + flipped) / 2, atol=1e-4 * size)
    assert np.abs(original - flipped).max() > 0.01 * size
