"""The shipped network's output is the same in every runtime."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from mien.vision import model_file
from mien.vision.classifier import DEFAULT_MODEL, Classifier
from mien.vision.runtime import MODULES, installed
from mien_convert import trial
from tests.conftest import ROOT
from tests.fakes.golden import COUNT, FILE, pictures


@pytest.fixture(scope="module")
def golden() -> dict[str, Any]:
    vectors: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return vectors


def test_the_vectors_belong_to_the_shipped_network(golden: dict[str, Any]) -> None:
    """A replaced network needs new vectors: python -m tests.fakes.golden"""
    assert golden["network_sha256"] == model_file.read(DEFAULT_MODEL)[1].network_sha256, (
        "run python -m tests.fakes.golden"
    )


def test_the_pictures_are_the_same_on_every_machine(golden: dict[str, Any]) -> None:
    """They are drawn, not stored, so their digest is stored."""
    assert hashlib.sha256(pictures().tobytes()).hexdigest() == golden["pictures_sha256"]
    assert len(golden["steps"]) == COUNT


def test_the_vectors_differ(golden: dict[str, Any]) -> None:
    """They are small, and the network's predictions on the pictures differ."""
    assert FILE.stat().st_size < 200_000
    assert len({tuple(steps) for steps in golden["steps"]}) > COUNT // 2
    assert len(set(np.argmax(golden["steps"], axis=1).tolist())) >= 3


@pytest.mark.parametrize("runtime", MODULES)
def test_every_runtime_returns_the_golden_vectors(golden: dict[str, Any], runtime: str) -> None:
    """At most a step of the int8 output apart, more in 3 of 100: runtimes round halves differently, layer by layer."""
    if runtime not in installed():
        pytest.skip(f"{runtime} is not installed")
    done = trial.run(DEFAULT_MODEL, runtime, pictures())
    assert done.step == pytest.approx(golden["step"])
    apart = np.abs(np.rint(done.logits / done.step) - np.asarray(golden["steps"]))
    assert apart.max() <= 5
    assert (apart <= 1).mean() > 0.97


@pytest.mark.parametrize("name", ["fer2013", "seed"])
def test_the_other_networks_run_on_the_device_too(name: str) -> None:
    """Each file in training/weights names its recipe and view, and classifies pictures on the device."""
    path = ROOT / "training" / "weights" / f"{name}.tflite"
    contract = model_file.read(path)[1]
    assert contract.recipe.startswith(f"{name}, ")
    assert (contract.mode, contract.view, contract.split) == ("int8", "fer2013", "PublicTest")
    classifier = Classifier.load(path)
    predicted = {int(classifier.logits(picture).argmax()) for picture in pictures()[:64]}
    assert len(predicted) > 1


def test_trials_run_without_tensorflow() -> None:
    """The replay needs nothing but mien and a runtime."""
    code = "import sys, mien_convert.trial; print({'tensorflow', 'keras'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
