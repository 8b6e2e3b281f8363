"""The layers for torch, in a process of their own, since a process has one backend."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

import pytest

pytest.importorskip("keras", reason="needs the extra 'training'")


def test_torch_layers_match_keras_layers() -> None:
    """On torch, every recipe's network has the same logits, gradients and, to a thousandth, running statistics."""
    if importlib.util.find_spec("torch") is None:
        pytest.skip("needs torch")
    command = [sys.executable, "-c", _COMPARISON]
    env = os.environ | {"KERAS_BACKEND": "torch"}
    done = subprocess.run(command, env=env, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


_COMPARISON = """
import keras
import numpy as np
from mien_training.networks.torch_layers import use_torch_layers
from mien_training.recipes import RECIPES

keras.utils.set_random_seed(1)
rng = np.random.default_rng(1)
images = rng.integers(0, 256, (64, 48, 48, 1)).astype(np.uint8)
targets = np.eye(7, dtype=np.float32)[rng.integers(0, 7, 64)]
for recipe in RECIPES.values():
    plain = recipe.network()
    for layer in plain.layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0
    fast = use_torch_layers(plain)
    assert sum(type(layer).__module__ == "mien_training.networks.torch_layers" for layer in fast.layers) >= 4
    for network in (plain, fast):
        network.compile(keras.optimizers.SGD(0.01), keras.losses.CategoricalCrossentropy(from_logits=True))
        network.train_on_batch(images, targets)
    for one, other in zip(plain.get_weights(), fast.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-2, atol=2e-4)
    one, other = (network.predict(images, verbose=0) for network in (plain, fast))
    np.testing.assert_allclose(one, other, rtol=5e-2, atol=5e-3)
"""
