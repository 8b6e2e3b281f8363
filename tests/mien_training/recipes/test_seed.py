"""The recipe seed: the layers of the student's network, and the network that is trained in its place."""

from __future__ import annotations

import numpy as np
import pytest

from mien_training.evaluation.predict import keras_logits
from mien_training.recipes import RECIPES
from mien_training.recipes import seed as seeds

keras = pytest.importorskip("keras", reason="needs the extra 'training'")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")  # the backend's own


def test_the_seed_network_is_exactly_the_seed() -> None:
    """2,002,055 parameters, 128 of them not trainable, in the seed's order of layers."""
    network = RECIPES["seed"].network()
    assert network.count_params() == 2_002_055
    assert sum(int(np.prod(weight.shape)) for weight in network.non_trainable_weights) == 128
    kinds = [type(layer).__name__ for layer in network.layers]
    convolutions = ["Rescaling", "Conv2D", "Conv2D", "MaxPooling2D", "BatchNormalization", "Dropout"]
    assert kinds == [*convolutions, "Flatten", "Dense", "Dropout", "Dense"]


def test_the_merged_learner_is_the_seed() -> None:
    """The same logits, for any weights."""
    trained, rng = seeds.learner(), np.random.default_rng(6)
    trained.set_weights([rng.uniform(0.5, 1.5, weight.shape) * (weight + 0.1) for weight in trained.get_weights()])
    faces = rng.integers(0, 256, (20, 48, 48, 1)).astype(np.uint8)
    expected, merged = (keras_logits(model, faces) for model in (trained, seeds.merge_learner(trained)))
    np.testing.assert_allclose(merged, expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())
    assert np.ptp(expected, axis=0).min() > 0.01 * np.abs(expected).max()
