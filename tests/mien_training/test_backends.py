"""Training on Keras' other backends, each in a process of its own, since a process has one backend."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.eventually import eventually

pytest.importorskip("keras", reason="needs the extra 'training'")


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_a_run_on_another_backend_survives_a_kill(faces: Path, tmp_path: Path, backend: str) -> None:
    """Killed after its first epoch it is resumed to the end. On jax two devices share the batches."""
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"needs {backend}")
    run = tmp_path / "run"
    with fit(faces, run, backend) as first:
        eventually(lambda: first.poll() is not None or (run / "checkpoint.keras").exists(), 300)
        first.kill()
    with fit(faces, run, backend) as second:
        errors = second.communicate(timeout=300)[1]
    assert second.returncode == 0, errors
    assert len(json.loads((run / "history.json").read_text())) == 4
    assert json.loads((run / "metrics.json").read_text())["faces"] == 28


def fit(data: Path, run: Path, backend: str) -> subprocess.Popen[str]:
    command = ["fit", "--recipe", "seed", "--data", str(data), "--out", str(run)]
    devices = {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    return subprocess.Popen(
        [sys.executable, "-m", "mien_training.cli", *command, "--epochs", "4"],
        env=os.environ | {"KERAS_BACKEND": backend} | devices,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
