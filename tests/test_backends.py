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

from .conftest import face_folders

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
