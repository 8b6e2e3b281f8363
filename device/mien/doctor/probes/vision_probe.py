"""The model file, the inference runtime and the face detector: each is loaded and used once."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from mien.config import ModelConfig, VisionConfig
from mien.doctor.facts import VisionFacts
from mien.errors import ConfigError, LearningError, MienError, ModelError
from mien.service.people_store import open_store
from mien.vision import model_file, runtime, yunet
from mien.vision.classifier import DEFAULT_MODEL, Classifier
from mien.vision.crop import INPUT_SIDE
from mien.vision.model_file import Contract
from mien.vision.recognizer import find_yunet_file, open_detector

_PACKAGES = {"litert": "ai-edge-litert", "tflite-runtime": "tflite-runtime"}
_INFERENCES = 5  # the first is slower


def probe_vision(vision: VisionConfig, model: ModelConfig, progress: Callable[[VisionFacts], None]) -> VisionFacts:
    """Read the model file, run the network once, and load the detector. progress: called with the facts so far."""
    facts = VisionFacts()
    path = Path(model.file).expanduser() if model.file else DEFAULT_MODEL
    facts.model, facts.own_model = str(path), bool(model.file)
    progress(facts)
    try:
        contract = model_file.read(path)[1]
        facts.recipe = contract.recipe
        _count_people(contract, facts)
    except ModelError as error:
        facts.model_fault = str(error)
    facts.step = "runtime"
    progress(facts)
    _probe_runtime(path, model, facts)
    facts.step = "detector"
    progress(facts)
    _probe_detector(vision, facts)
    facts.step = "done"
    return facts


def _count_people(contract: Contract, facts: VisionFacts) -> None:
    """Count the people who were learned, without their names."""
    store = open_store()
    try:
        people = store.read() if store is not None else {}
    except LearningError as error:
        facts.learned_fault = str(error)
        return
    facts.learned = len(people)
    facts.outdated = sum(person.network != contract.network_sha256 for person in people.values())


def _probe_runtime(path: Path, model: ModelConfig, facts: VisionFacts) -> None:
    """Run the network; where that fails, mien's own network shows whether it is the runtime's fault or the file's."""
    names = runtime.installed() if model.runtime == "auto" else [model.runtime]
    if names:
        facts.runtime = f"{names[0]} {_version(_PACKAGES[names[0]])}".strip()
    fault = facts.model_fault or _run_network(path, model, facts)
    if fault:
        facts.runtime_fault = _run_network(DEFAULT_MODEL, model, facts)
        if not facts.runtime_fault:
            facts.model_fault = fault


def _run_network(path: Path, model: ModelConfig, facts: VisionFacts) -> str:
    """Return why a network does not run; empty where it does, with its time in the facts."""
    face = np.zeros((INPUT_SIDE, INPUT_SIDE, 1), np.uint8)
    try:
        classifier = Classifier.load(path, model.runtime, model.threads)
        for _ in range(_INFERENCES):
            began = time.perf_counter()
            classifier.probabilities(face)
            facts.inference_ms = (time.perf_counter() - began) * 1000
    except ModelError as error:
        return str(error)
    except (RuntimeError, ValueError) as error:
        return f"{path} does not run ({type(error).__name__}: {str(error)[:200]})."
    return ""


def _probe_detector(vision: VisionConfig, facts: VisionFacts) -> None:
    try:
        path = find_yunet_file(vision)
        if path is not None:
            facts.yunet = "used" if vision.yunet_file or _is_whole(path) else "damaged"
        elif vision.detector == "auto":
            facts.yunet = "missing"
        detector = open_detector(vision)
        detector.detect(np.zeros((240, 320), np.uint8))
    except (MienError, ConfigError) as error:
        facts.detector_fault = str(error)


def _is_whole(path: Path) -> bool:
    """Return whether a file is the very YuNet that mien downloads."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == yunet.SHA256
    except OSError:
        return False


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
