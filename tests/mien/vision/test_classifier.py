"""Loading a model file on the device: it works, or fails with one sentence on why and what to do."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from mien.errors import ModelError
from mien.expression import EVEN_PRIOR, LABELS, Prior
from mien.vision import model_file
from mien.vision.classifier import DEFAULT_MODEL, PRIOR_FLOOR, Classifier, decision, evidence
from mien.vision.crop import INPUT_SIDE
from tests.fakes.contracts import PLAIN
from tests.fakes.golden import pictures

logits = arrays(np.float32, st.tuples(st.integers(1, 5), st.just(7)), elements=st.floats(-30, 30, width=32))
priors = st.lists(st.floats(0.01, 1), min_size=7, max_size=7).map(lambda p: tuple(x / sum(p) for x in p))


def softmax(values: NDArray[np.float32]) -> NDArray[np.float32]:
    odds = np.exp(values - values.max(axis=-1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=-1, keepdims=True))


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


@given(logits=logits, prior=priors, shift=st.floats(-9, 9, width=32))
def test_evidence_is_logits_without_the_prior(logits: NDArray[np.float32], prior: Prior, shift: float) -> None:
    """With the floored prior put back its softmax is that of the logits; it is centred, and no constant changes it."""
    values = evidence(logits, prior)
    assert values.dtype == np.float32
    np.testing.assert_allclose(values.mean(axis=-1), 0, atol=1e-4)
    np.testing.assert_allclose(values, evidence(logits + np.float32(shift), prior), atol=1e-4)
    restored = values + np.log(np.maximum(prior, PRIOR_FLOOR)).astype(np.float32)
    np.testing.assert_allclose(softmax(restored), softmax(logits), atol=1e-4)


def test_evidence_for_a_rare_expression_is_not_raised_beyond_the_floor() -> None:
    """An expression of one face in a million gains no more than one of the floor's share."""
    flat = np.zeros(7, np.float32)
    rare = evidence(flat, (*((1 - 1e-6) / 6,) * 6, 1e-6))
    floored = evidence(flat, (*((1 - 1e-6) / 6,) * 6, PRIOR_FLOOR))
    np.testing.assert_allclose(rare, floored, atol=1e-6)


@given(logits=logits, class_prior=priors, prior=priors, temperature=st.floats(0.3, 3), even=st.floats(0.3, 3))
def test_priors_of_decisions(
    logits: NDArray[np.float32], class_prior: Prior, prior: Prior, temperature: float, even: float
) -> None:
    """Under the data's prior the logits decide, as trained; any other prior multiplies the even one's probabilities."""
    contract = msgspec.structs.replace(PLAIN, class_prior=class_prior, temperature=temperature, even_temperature=even)
    values = evidence(logits, class_prior)

    def probabilities(scale: float, offset: NDArray[np.float32]) -> NDArray[np.float32]:
        return softmax(values / scale + offset)

    likelihoods = probabilities(*decision(contract, "even"))
    np.testing.assert_allclose(likelihoods, softmax(values / even), atol=1e-5)
    np.testing.assert_allclose(probabilities(*decision(contract, "data")), softmax(logits / temperature), atol=1e-3)
    products = likelihoods * np.array(prior)
    bayes = products / products.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(probabilities(*decision(contract, prior)), bayes, atol=1e-4)
    np.testing.assert_allclose(probabilities(*decision(contract, EVEN_PRIOR)), likelihoods, atol=1e-5)


def test_the_prior_of_a_classifier_can_be_chosen() -> None:
    """Even unless chosen; the data's prior gives what the network learned; a prior of mostly sad gives mostly sad."""
    classifier, face = Classifier.load(), pictures()[7]
    contract = classifier.contract
    assert classifier.prior == "even"
    even = classifier.probabilities(face)
    assert even == pytest.approx(softmax(classifier.evidence(face) / contract.even_temperature), abs=1e-5)
    classifier.prior = "data"
    assert classifier.probabilities(face) == pytest.approx(
        softmax(classifier.logits(face) / contract.temperature), abs=1e-5
    )
    mostly_sad = (1e-9, 1e-9, 1 - 6e-9, 1e-9, 1e-9, 1e-9, 1e-9)
    assert Classifier.load(prior=mostly_sad).probabilities(face)[LABELS.index("sad")] > 0.99
    classifier.prior = "even"
    assert classifier.probabilities(face) == even


def test_a_calibration_adjusts_the_evidence() -> None:
    """It is applied to the evidence, once, and so to the probabilities under every prior."""

    class Doubling:
        def apply(self, evidence: NDArray[np.float32]) -> NDArray[np.float32]:
            return evidence * 2

    classifier, face = Classifier.load(), pictures()[7]
    plain = classifier.evidence(face)
    classifier.calibration = Doubling()
    np.testing.assert_allclose(classifier.evidence(face), plain * 2)
    temperature = classifier.contract.even_temperature
    assert classifier.probabilities(face) == pytest.approx(softmax(plain * 2 / temperature), abs=1e-5)
