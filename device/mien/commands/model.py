"""What a model file says of itself, for people and for programs."""

from __future__ import annotations

from pathlib import Path

import msgspec

from mien.vision.model_file import Contract, View

_VIEWS: dict[View, str] = {
    "fer2013": "the data's own label of each face (view fer2013)",
    "ferplus": "the majority of FER+'s ten taggers a face (view ferplus)",
}


def as_json(contract: Contract) -> str:
    """The contract as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(contract), indent=1).decode()


def in_words(path: Path, contract: Contract) -> str:
    """A short table, and the confusion matrix as shares of each true expression."""
    facts = {
        "file": path,
        "recipe": f"{contract.recipe} (revision {contract.revision})",
        "network": f"{contract.network_size / 1024:.0f} KiB, {contract.mode}, {contract.input_side} x "
        f"{contract.input_side} grey levels to {len(contract.labels)} {contract.output}",
        "adapted": contract.adapted or "nothing had to be",
        "data": contract.data,
        "calibration": _calibration(contract),
        "judged by": _VIEWS[contract.view],
        "accuracy": f"{contract.accuracy:.4f} on {contract.faces} faces of {contract.split}",
        "balanced accuracy": f"{contract.balanced_accuracy:.4f}",
        "agreement": f"{contract.agreement:.4f} with the network before conversion{_cost(contract)}",
        "crop margin": f"{contract.crop_margin:+.2f} of the detector's box",
        "temperature": f"{contract.temperature:.3f}",
    }
    lines = [f"{name:<18} {value}" for name, value in facts.items()]
    heading = " " * 18 + "".join(f"{label:>9}" for label in contract.labels)
    rows = [
        f"{label:<18}" + "".join(f"{count / max(1, sum(row)):9.2f}" for count in row)
        for label, row in zip(contract.labels, contract.confusion, strict=True)
    ]
    return "\n".join(
        [*lines, "", "true (rows) and named (columns) expression, shares of the validation faces", heading, *rows]
    )


def _calibration(contract: Contract) -> str:
    used = contract.calibration
    if used is None:
        return "not recorded" if contract.mode == "int8" else "none is needed"
    return f"{used.faces} training faces, at most {used.per_expression} an expression, seed {used.seed}"


def _cost(contract: Contract) -> str:
    if contract.source_accuracy is None:
        return ""
    return f", whose accuracy was {contract.source_accuracy:.4f}"
