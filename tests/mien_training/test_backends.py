"""Training on Keras' other backends, each in a process of its own, since a process has but one."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import face_folders

pytest.importorskip("keras", reason="needs the extra 'training'")


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_a_run_on_another_backend_survives_a_kill(tmp_path: Path, backend: str) -> None:
    """Killed after its first epoch it goes on to a whole run. Two devices share the batches where the backend can."""
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"needs {backend}")
    face_folders(tmp_path / "faces")
    run = tmp_path / "run"
    with fit(tmp_path, backend) as first:
        deadline = time.monotonic() + 300
        while first.poll() is None and not (run / "checkpoint.keras").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        first.kill()
    with fit(tmp_path, backend) as second:
        told = second.communicate(timeout=300)[1]
    assert second.returncode == 0, told
    assert len(json.loads((run / "history.json").read_text())) == 4
    assert json.loads((run / "metrics.json").read_text())["faces"] == 28


def fit(folder: Path, backend: str) -> subprocess.Popen[str]:
    command = ["fit", "--recipe", "seed", "--data", str(folder / "faces"), "--out", str(folder / "run")]
    devices = {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    return subprocess.Popen(
        [sys.executable, "-m", "mien_training.cli", *command, "--epochs", "4"],
        env=os.environ | {"KERAS_BACKEND": backend} | devices,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_quicker_layers_learn_as_kerass_own() -> None:
    """On torch, every recipe's network gives the same answers, gradients and, to a thousandth, running statistics."""
    if importlib.util.find_spec("torch") is None:
        pytest.skip("needs torch")
    command = [sys.executable, "-c", _COMPARISON]
    env = os.environ | {"KERAS_BACKEND": "torch"}
    done = subprocess.run(command, env=env, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


_COMPARISON = """
import keras
import numpy as np
from mien_training.networks.torch_layers import quicker
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
    quick = quicker(plain)
    assert sum(type(layer).__module__ == "mien_training.networks.torch_layers" for layer in quick.layers) >= 4
    for network in (plain, quick):
        network.compile(keras.optimizers.SGD(0.01), keras.losses.CategoricalCrossentropy(from_logits=True))
        network.train_on_batch(images, targets)
    for one, other in zip(plain.get_weights(), quick.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-2, atol=2e-4)
    one, other = (network.predict(images, verbose=0) for network in (plain, quick))
    np.testing.assert_allclose(one, other, rtol=5e-2, atol=5e-3)
"""
