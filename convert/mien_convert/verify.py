"""Proves that a model file does what the network did that it was made from, in every runtime that is installed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.errors import ModelError
from mien.expression import LABELS
from mien.vision import model_file
from mien.vision.model_file import Contract
from mien.vision.runtime import installed
from mien_convert import operators, trial
from mien_convert.adapt import Network
from mien_convert.trial import Trial
from mien_training.data.fer2013 import Faces
from mien_training.evaluation.metrics import metrics

_SAME = 0.99  # share of faces on which two runtimes, whose roundings differ, must name the same
_AKIN = 0.9  # share below which a file was made from another network


@dataclass(frozen=True, slots=True)
class VerificationResult:
    """What was found. found: for programs. reasons: why the file fails; empty if it holds."""

    found: dict[str, Any]
    reasons: list[str]


def verify(file: Path, network: Network, faces: Faces, max_cost: float) -> VerificationResult:
    """Compare a model file with its network on a whole split, by the labels of the contract's view.

    Raises ModelError for a file that cannot be read.
    """
    flat, contract = model_file.read(file)
    faces = faces.view(contract.view)
    before = network.logits(faces.images)
    truth = metrics(before, faces.labels)
    found = {"file": str(file), "mode": contract.mode, "view": contract.view, "source": truth}
    found["operators"] = operators.operators(flat)
    reasons = [f"it needs {one}" for one in operators.too_new(flat)]
    if not installed():
        reasons.append("no runtime is installed to try it in: install ai-edge-litert")
    runtimes: dict[str, Any] = {}
    first: NDArray[np.float32] | None = None
    for name in installed():
        try:
            done = trial.run(file, name, faces.images)
        except ModelError as error:
            reasons.append(str(error).rstrip("."))
            continue
        runtimes[name] = _measured(done, before, contract) | metrics(done.logits, faces.labels)
        reasons += [f"{name}: {one}" for one in _faults(done, contract, runtimes[name], truth, max_cost)]
        if first is not None and (differs := disagreement(done, first)):
            reasons.append(f"{name} and the runtime before it differ: {differs}")
        first = done.logits if first is None else first
    return VerificationResult(found | {"runtimes": runtimes, "reasons": reasons}, reasons)


def disagreement(one: Trial, other: NDArray[np.float32]) -> str | None:
    """Why two runtimes' logits are not the same but for rounding; None if they are."""
    same = float((one.logits.argmax(axis=1) == other.argmax(axis=1)).mean())
    return None if same >= _SAME else f"they name the same on only {same:.2%} of the faces"


def _measured(done: Trial, before: NDArray[np.float32], contract: Contract) -> dict[str, Any]:
    after = done.logits
    if contract.output == "probabilities":
        before, after = np.exp(before), np.exp(after)
    apart = np.abs(after - before)
    return {
        "agreement": round(float((after.argmax(axis=1) == before.argmax(axis=1)).mean()), 4),
        "largest_difference": round(float(apart.max()), 4),
        "mean_difference": round(float(apart.mean()), 4),
    } | ({"input_scale": done.input[0], "input_zero_point": done.input[1]} if contract.mode == "int8" else {})


def _faults(
    done: Trial, contract: Contract, measured: dict[str, Any], truth: dict[str, Any], max_cost: float
) -> list[str]:
    faults = []
    if not np.isfinite(done.logits).all():
        faults.append("it gives numbers that are none (NaN or infinite)")
    if contract.mode == "int8" and done.input != (1.0, -128):
        faults.append(f"its input has scale and zero point {done.input} instead of (1.0, -128): calibrate on 0 and 255")
    cost = round(100 * (truth["accuracy"] - measured["accuracy"]), 2)
    if cost > max_cost:
        faults.append(f"it costs {cost:.2f} points of accuracy, more than {max_cost:g}")
    if measured["agreement"] < _AKIN:
        faults.append(f"it agrees on only {measured['agreement']:.2%} of the faces: was it made from this network?")
    return faults


def in_words(verdict: VerificationResult) -> str:
    """A table with the source and every runtime side by side."""
    found = verdict.found
    runtimes = found["runtimes"]
    used = ", ".join(f"{name} {version}" for name, version in found["operators"].items())
    lines = [f"{found['file']}: {found['mode']}, view {found['view']}; operators {used}", ""]
    lines.append(_row("", "before", *runtimes))
    for key, name in (("accuracy", "accuracy"), ("balanced_accuracy", "balanced accuracy")):
        lines.append(_row(name, f"{found['source'][key]:.4f}", *(f"{one[key]:.4f}" for one in runtimes.values())))
    lines += [
        _row(key.replace("_", " "), "", *(f"{one[key]:g}" for one in runtimes.values()))
        for key in ("agreement", "largest_difference", "mean_difference", "input_scale", "input_zero_point")
        if all(key in one for one in runtimes.values())
    ]
    for label in LABELS:
        recalls = [found["source"], *runtimes.values()]
        lines.append(_row(f"recall of {label}", *(f"{one['recall'][label]:.4f}" for one in recalls)))
    return "\n".join(lines)


def _row(name: str, *values: str) -> str:
    return f"{name:<20}" + "".join(f"{value:>16}" for value in values)
