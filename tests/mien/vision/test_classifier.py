"""Loading a model file on the device: it works, or fails with one sentence on why and what to do."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest

from mien.errors import ModelError
from mien.vision import model_file
from mien.vision.classifier import DEFAULT_MODEL, Classifier
from mien.vision.crop import INPUT_SIDE


@pytest.fixture(scope="module")
def shipped() -> bytes:
    return DEFAULT_MODEL.read_bytes()


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Return the data cut, changed, or with a part removed or repeated."""
    kind = rng.randrange(4)
    at, length = rng.randrange(len(data)), rng.choice((1, 4, 64, 4096))
    if kind == 0:
        return data[:at]
    if kind == 1:
        return data[:at] + rng.randbytes(min(length, len(data) - at)) + data[at + length :]
    if kind == 2:
        return data[:at] + data[at + length :]
    return data[: at + length] + data[at:]


@pytest.mark.parametrize("seed", range(60))
def test_a_mutated_file_loads_or_is_refused(shipped: bytes, tmp_path: Path, seed: int) -> None:
    """However a file was damaged, the result is a working classifier or one ModelError, never a crash or a hang."""
    rng = random.Random(seed)
    path = tmp_path / "mutated.tflite"
    path.write_bytes(mutate(shipped, rng))
    try:
        classifier = Classifier.load(path)
    except ModelError:
        return
    assert len(classifier.probabilities(np.zeros((INPUT_SIDE, INPUT_SIDE, 1), np.uint8))) == 7


def test_a_damaged_network_is_never_loaded(shipped: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The digest is checked before native code reads the bytes."""
    path = tmp_path / "damaged.tflite"
    path.write_bytes(shipped[:1000] + bytes([shipped[1000] ^ 1]) + shipped[1001:])
    monkeypatch.setattr(
        "mien.vision.classifier.create_interpreter", lambda *_: pytest.fail("an interpreter was created")
    )
    with pytest.raises(ModelError, match="damaged"):
        Classifier.load(path)


def test_a_forged_network_ends_in_one_sentence(tmp_path: Path) -> None:
    """Bytes that are not a network, but have a valid contract, are refused by the runtime; the message is ours."""
    _, contract = model_file.read(DEFAULT_MODEL)
    path = tmp_path / "forged.tflite"
    path.write_bytes(model_file.pack(b"\x20\0\0\0TFL3" + bytes(500), contract))
    done = subprocess.run(
        [sys.executable, "-m", "mien.cli", "model", "info", str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0  # the contract itself is whole
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mien.cli",
            "run",
            "--camera",
            "demo",
            "--max-frames",
            "1",
            "--config",
            str(write_config(path)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 5, done
    assert "forged.tflite" in done.stderr
    assert "Traceback" not in done.stderr


def write_config(path: Path) -> Path:
    """Write a configuration with a model file and return its path."""
    config = path.with_name("mien.toml")
    config.write_text(f'[model]\nfile = "{path}"\n', encoding="utf-8")
    return config


def test_a_contract_of_another_mode_is_refused(tmp_path: Path) -> None:
    """An int8 network whose contract has another mode is refused, not misread."""
    network, contract = model_file.read(DEFAULT_MODEL)
    path = tmp_path / "other.tflite"
    path.write_bytes(model_file.pack(network, msgspec.structs.replace(contract, mode="float32")))
    with pytest.raises(ModelError, match="not float32"):
        Classifier.load(path)


def test_probabilities_sum_to_one() -> None:
    """For any picture."""
    probabilities = Classifier.load().probabilities(np.full((INPUT_SIDE, INPUT_SIDE, 1), 90, np.uint8))
    assert sum(probabilities) == pytest.approx(1)
    assert min(probabilities) >= 0
