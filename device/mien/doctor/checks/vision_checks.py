"""The model file, the inference runtime, and the face detector."""

from __future__ import annotations

from pathlib import PurePath

import msgspec

from mien.doctor.checks.cures import pip_install
from mien.doctor.facts import VisionFacts
from mien.doctor.probes.child import describe_end, run_child
from mien.doctor.subject import Subject
from mien.doctor.verdict import Check, CheckGroup, Verdict, advice, bad, good, skipped

_TIMEOUT = 10.0  # seconds
_FETCH = "mien model fetch-yunet"
_SLOW = 100.0  # milliseconds; a Pi Zero 2 takes about 20


def gather(subject: Subject) -> VisionFacts:
    """Load the network and the detector in a process of its own."""
    values, done = run_child(subject.system, "vision", subject.config, _TIMEOUT)
    facts = msgspec.convert(values, VisionFacts)
    facts.end = describe_end(done)
    return facts


def check_model(facts: VisionFacts) -> Verdict:
    """Check that the model file is whole and of this version."""
    if facts.step == "model" and facts.end:
        return bad(f"Reading {facts.model or 'the model file'} {facts.end}.", _model_cure(facts))
    if facts.model_fault:
        return bad(facts.model_fault, _model_cure(facts))
    return good(f"{PurePath(facts.model).name} is whole (recipe {facts.recipe}).")


def check_runtime(facts: VisionFacts) -> Verdict:
    """Check that an inference runtime is installed and runs the network."""
    if facts.step == "model":
        return skipped("The model file could not be read first.")
    package = "tflite-runtime" if facts.runtime.startswith("tflite") else "ai-edge-litert"
    cure = pip_install("--force-reinstall", package)
    if facts.step == "runtime" and facts.end:
        return bad(f"Running the network with {facts.runtime or 'the runtime'} {facts.end}.", cure)
    if facts.runtime_fault:
        return bad(facts.runtime_fault, cure if facts.runtime else pip_install("ai-edge-litert"))
    if facts.inference_ms > _SLOW:
        return advice(f"{facts.runtime} needs {facts.inference_ms:.0f} ms for a face.", 'set [vision] profile = "eco"')
    return good(f"{facts.runtime}, {facts.inference_ms:.1f} ms for a face.")


def check_detector(facts: VisionFacts) -> Verdict:
    """Check that the face detector loads, and recommend YuNet."""
    if facts.step in ("model", "runtime"):
        return skipped("It comes after the runtime, which did not end.")
    if facts.yunet == "damaged":
        return bad("YuNet's file is damaged.", _FETCH)
    fault = facts.detector_fault
    if facts.step == "detector" and facts.end:
        fault = f"Loading the face detector {facts.end}."
    if fault:
        return bad(fault, _FETCH)
    return {
        "used": good("YuNet is used."),
        "missing": advice(
            "The built-in cascade is used; YuNet detects 98 of 100 faces where the cascade detects 88.", _FETCH
        ),
        "declined": good('The built-in cascade, as [vision] detector = "haar" requires.'),
    }[facts.yunet]


def check_learned_faces(facts: VisionFacts) -> Verdict:
    """Check that what was learned of people's faces can be used with this network."""
    if facts.learned_fault:
        sentence, _, cure = facts.learned_fault.rpartition(": ")
        return advice(f"{sentence}.", cure.rstrip("."))
    if facts.outdated:
        return advice(
            f"{facts.outdated} of {facts.learned} people were learned with another network, and are not recognized.",
            "mien learn NAME, for each of 'mien learn show'",
        )
    if not facts.learned:
        return good("None is learned, which is optional (mien learn).")
    return good(f"{facts.learned} can be used.")


def _model_cure(facts: VisionFacts) -> str:
    if facts.own_model:
        return "convert the network again with mien-convert quantize, or remove [model] file to use mien's own"
    return pip_install("--force-reinstall --no-deps CLONE") + "  (CLONE: the folder of the clone)"


GROUP = CheckGroup(
    gather,
    {
        "model": Check(check_model),
        "runtime": Check(check_runtime),
        "detector": Check(check_detector, ("state",)),
        "learned faces": Check(check_learned_faces, ("state", "model")),
    },
    needs=("configuration", "libraries"),
)
