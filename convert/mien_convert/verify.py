"""Compare a model file with the network that it was made from, in every installed runtime."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.cli import Arguments
from mien.errors import ModelError
from mien.expression import LABELS
from mien.vision import model_file
from mien.vision.model_file import Contract
from mien.vision.runtime import installed
from mien_convert.adapt import AdaptedNetwork, adapt
from mien_convert.adaptation_options import adaptation_from
from mien_convert.inference import InferenceResult, run_inference
from mien_convert.operators import operators, unsupported_operators
from mien_convert.progress import log
from mien_convert.runtime_agreement import format_disagreement
from mien_convert.source import open_source
from mien_training.data import fer2013
from mien_training.data.fer2013 import Faces
from mien_training.evaluation.metrics import metrics

_MIN_SOURCE_AGREEMENT = 0.9  # share of faces; below, the file was made from another network


@dataclass(frozen=True, slots=True)
class VerificationResult:
    """The outcome. report: all figures, ready for JSON. reasons: why the file fails; empty if it passes."""

    report: dict[str, Any]
    reasons: list[str]


def run(args: Arguments) -> None:
    """Run `mien-convert verify`."""
    model_file.read(args.file)  # a bad file is reported before minutes of other work
    network = adapt(open_source(args.against), adaptation_from(args))
    faces = fer2013.read(args.data, args.split, args.data_labels)
    log(f"classifying {len(faces)} faces of {args.split} before and after")
    result = verify(args.file, network, faces, args.max_cost)
    print(json.dumps(result.report) if args.json else format_report(result.report), flush=True)
    if result.reasons:
        raise ModelError(f"{args.file} fails verification: {'; '.join(result.reasons)}.")
    log(f"{args.file} passes.")


def verify(file: Path, network: AdaptedNetwork, faces: Faces, max_cost: float) -> VerificationResult:
    """Compare a model file with its network on a whole split, against the labels of the contract's view.

    Raises ModelError for a file that cannot be read.
    """
    flat, contract = model_file.read(file)
    faces = faces.view(contract.view)
    before = network.logits(faces.images)
    source = metrics(before, faces.labels)
    report = {"file": str(file), "mode": contract.mode, "view": contract.view, "source": source}
    report["operators"] = operators(flat)
    reasons = [f"it needs {operator}" for operator in unsupported_operators(flat)]
    if not installed():
        reasons.append("no runtime is installed to run it in: install ai-edge-litert")
    runtimes: dict[str, Any] = {}
    first: InferenceResult | None = None
    for name in installed():
        try:
            result = run_inference(file, name, faces.images)
        except ModelError as error:
            reasons.append(str(error).rstrip("."))
            continue
        runtimes[name] = _differences(result, before, contract) | metrics(result.logits, faces.labels)
        reasons += [f"{name}: {fault}" for fault in _faults(result, contract, runtimes[name], source, max_cost)]
        first = first or result
        if disagreement := format_disagreement(result, first, before, faces.labels, contract.output):
            reasons.append(f"{name} and the runtime before it differ: {disagreement}")
    return VerificationResult(report | {"runtimes": runtimes, "reasons": reasons}, reasons)


def _differences(result: InferenceResult, before: NDArray[np.float32], contract: Contract) -> dict[str, Any]:
    after = result.logits
    if contract.output == "probabilities":
        before, after = np.exp(before), np.exp(after)
    difference = np.abs(after - before)
    return {
        "agreement": round(float((after.argmax(axis=1) == before.argmax(axis=1)).mean()), 4),
        "largest_difference": round(float(difference.max()), 4),
        "mean_difference": round(float(difference.mean()), 4),
    } | ({"input_scale": result.input[0], "input_zero_point": result.input[1]} if contract.mode == "int8" else {})


def _faults(
    result: InferenceResult, contract: Contract, measured: dict[str, Any], source: dict[str, Any], max_cost: float
) -> list[str]:
    faults = []
    if not np.isfinite(result.logits).all():
        faults.append("its outputs contain NaN or infinity")
    if contract.mode == "int8" and result.input != (1.0, -128):
        faults.append(
            f"its input has scale and zero point {result.input} instead of (1.0, -128): calibrate on 0 and 255"
        )
    cost = round(100 * (source["accuracy"] - measured["accuracy"]), 2)
    if cost > max_cost:
        faults.append(f"it costs {cost:.2f} points of accuracy, more than {max_cost:g}")
    if measured["agreement"] < _MIN_SOURCE_AGREEMENT:
        faults.append(f"it agrees on only {measured['agreement']:.2%} of the faces: was it made from this network?")
    return faults


def format_report(report: dict[str, Any]) -> str:
    """Return a table with the source and every runtime side by side."""
    runtimes = report["runtimes"]
    used = ", ".join(f"{name} {version}" for name, version in report["operators"].items())
    lines = [f"{report['file']}: {report['mode']}, view {report['view']}; operators {used}", ""]
    lines.append(_row("", "before", *runtimes))
    for key, name in (("accuracy", "accuracy"), ("balanced_accuracy", "balanced accuracy")):
        lines.append(
            _row(name, f"{report['source'][key]:.4f}", *(f"{figures[key]:.4f}" for figures in runtimes.values()))
        )
    lines += [
        _row(key.replace("_", " "), "", *(f"{figures[key]:g}" for figures in runtimes.values()))
        for key in ("agreement", "largest_difference", "mean_difference", "input_scale", "input_zero_point")
        if all(key in figures for figures in runtimes.values())
    ]
    for label in LABELS:
        columns = [report["source"], *runtimes.values()]
        lines.append(_row(f"recall of {label}", *(f"{column['recall'][label]:.4f}" for column in columns)))
    return "\n".join(lines)


def _row(name: str, *values: str) -> str:
    return f"{name:<20}" + "".join(f"{value:>16}" for value in values)
