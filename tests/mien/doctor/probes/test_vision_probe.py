"""The probe of model, runtime and detector."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mien.config import ModelConfig, VisionConfig
from mien.doctor.facts import VisionFacts
from mien.doctor.probes.vision_probe import probe_vision
from mien.service.people_store import PeopleStore, StoredExpression, StoredPerson
from mien.vision import model_file, runtime, yunet
from mien.vision.classifier import DEFAULT_MODEL


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state directory without YuNet."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    return tmp_path


def probe(vision: VisionConfig | None = None, model: ModelConfig | None = None) -> tuple[VisionFacts, list[str]]:
    steps: list[str] = []
    facts = probe_vision(vision or VisionConfig(), model or ModelConfig(), lambda some: steps.append(some.step))
    assert facts.step == "done"
    return facts, steps


def test_what_ships_works() -> None:
    """The network runs, and each step is reported before it is taken."""
    facts, steps = probe()
    assert steps == ["model", "runtime", "detector"]
    assert (facts.model_fault, facts.runtime_fault, facts.detector_fault) == ("", "", "")
    assert facts.runtime.startswith(("litert", "tflite-runtime"))
    assert facts.inference_ms > 0
    assert (facts.yunet, facts.own_model) == ("missing", False)


def test_a_damaged_model_is_no_fault_of_the_runtime(tmp_path: Path) -> None:
    """The runtime is tried with mien's own network."""
    path = tmp_path / "own.tflite"
    path.write_bytes(DEFAULT_MODEL.read_bytes()[:-5000])
    facts, _ = probe(model=ModelConfig(file=str(path)))
    assert str(path) in facts.model_fault
    assert (facts.runtime_fault, facts.own_model) == ("", True)
    shutil.copy(DEFAULT_MODEL, path)
    assert probe(model=ModelConfig(file=str(path)))[0].model_fault == ""


def test_a_missing_runtime_is_no_fault_of_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence names what to install."""
    monkeypatch.setattr(runtime, "MODULES", {"litert": "no_such_module", "tflite-runtime": "nor_this_one"})
    facts, _ = probe()
    assert (facts.model_fault, facts.runtime) == ("", "")
    assert "ai-edge-litert" in facts.runtime_fault


def test_every_state_of_yunet(tmp_path: Path) -> None:
    """Declined, configured and not there, or damaged."""
    assert probe(VisionConfig(detector="haar"))[0].yunet == "declined"
    facts, _ = probe(VisionConfig(detector="yunet"))
    assert "fetch-yunet" in facts.detector_fault
    (tmp_path / yunet.default_path().name).write_bytes(b"no network")
    assert probe()[0].yunet == "damaged"


def test_learned_people_are_counted(tmp_path: Path) -> None:
    """Those of another network apart; a file that cannot be used is no fault of the model."""
    store, network = PeopleStore(tmp_path), model_file.read(DEFAULT_MODEL)[1].network_sha256
    neutral = StoredExpression(mean=(0.0,) * 7, spread=0.5, count=5, learned="2026-11-26")
    for name, sha256 in (("Ada", network), ("Bob", "0" * 64)):
        store.put(name, StoredPerson(network=sha256, strength=1.0, expressions={"neutral": neutral}))
    facts, _ = probe()
    assert (facts.learned, facts.outdated, facts.learned_fault) == (2, 1, "")
    store.path.write_text("{")
    facts, _ = probe()
    assert "mien learn forget" in facts.learned_fault
    assert (facts.model_fault, facts.runtime_fault) == ("", "")


def test_yunet_itself(shared: Path) -> None:
    """Its very file is accepted."""
    shutil.copy(shared / "yunet" / yunet.default_path().name, yunet.default_path())
    facts, _ = probe()
    assert (facts.yunet, facts.detector_fault) == ("used", "")
