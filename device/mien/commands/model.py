"""`mien model`: the contract of a model file, and the download of the YuNet face detector."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from mien.commands.download import download
from mien.commands.progress import Progress
from mien.errors import UsageError
from mien.vision import model_file, yunet
from mien.vision.classifier import DEFAULT_MODEL
from mien.vision.model_file import Contract, View

_VIEWS: Mapping[View, str] = {
    "fer2013": "the data's own label of each face (view fer2013)",
    "ferplus": "the majority of FER+'s ten taggers a face (view ferplus)",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `mien model`."""
    parser.add_argument("action", choices=("info", "fetch-yunet"))
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help="info: default the one that comes with mien")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> None:
    """Print a model file's contract, or download YuNet."""
    if arguments.action == "fetch-yunet":
        if arguments.file is not None or arguments.json:
            raise UsageError("mien model fetch-yunet takes neither a file nor --json.")
        fetch_yunet()
        return
    path = arguments.file or DEFAULT_MODEL
    _, contract = model_file.read(path)
    print(contract_to_json(contract) if arguments.json else format_contract(path, contract))


def fetch_yunet(url: str = yunet.URL) -> None:
    """Download YuNet to where `detector = "auto"` finds it, with progress on stderr."""
    path = yunet.default_path()
    with Progress(sys.stderr) as progress:

        def report(have: int, size: int) -> None:
            progress(f"YuNet: {have // 1024} of {size // 1024} KiB,", have / size)

        fresh = download(url, path, yunet.SIZE, yunet.SHA256, report)
    print(f"{path} {'is there now' if fresh else 'was there already'}: mien uses it from its next start.")


def contract_to_json(contract: Contract) -> str:
    """Return the contract as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(contract), indent=1).decode()


def format_contract(path: Path, contract: Contract) -> str:
    """Return a short table, and the confusion matrix as shares of each true expression."""
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
    }
    lines = [f"{name:<18} {value}" for name, value in facts.items()]
    lines += ["", *_priors(contract)]
    heading = " " * 18 + "".join(f"{label:>9}" for label in contract.labels)
    rows = [
        f"{label:<18}" + "".join(f"{count / max(1, sum(row)):9.2f}" for count in row)
        for label, row in zip(contract.labels, contract.confusion, strict=True)
    ]
    return "\n".join(
        [*lines, "", "true (rows) and classified (columns) expression under the data's prior, shares", heading, *rows]
    )


def _priors(contract: Contract) -> list[str]:
    """Return the prior of the training data, and a table of the decisions under it and under an even one."""
    even = contract.even
    figures = (even.accuracy, even.balanced_accuracy, even.calibration_error) if even is not None else (None,) * 3
    rows: dict[str, tuple[float | None, ...]] = {
        "the data's": (contract.accuracy, contract.balanced_accuracy, contract.calibration_error, contract.temperature),
        "even": (*figures, contract.even_temperature),
    }
    names = ("accuracy", "balanced", "calibration error", "temperature")
    shares = (f"{label} {share:.3f}" for label, share in zip(contract.labels, contract.class_prior, strict=True))
    table = [f"{'class prior':<18} {', '.join(shares)}", f"{'decision under':<18} {'  '.join(names)}"]
    for name, values in rows.items():
        cells = ("-" if value is None else f"{value:.4f}" for value in values)
        padded = (f"{cell:>{len(heading)}}" for heading, cell in zip(names, cells, strict=True))
        table.append(f"{name + ' prior':<18} {'  '.join(padded)}")
    return table


def _calibration(contract: Contract) -> str:
    used = contract.representative_faces
    if used is None:
        return "not recorded" if contract.mode == "int8" else "none is needed"
    return f"{used.faces} training faces, at most {used.per_expression} an expression, seed {used.seed}"


def _cost(contract: Contract) -> str:
    if contract.source_accuracy is None:
        return ""
    return f", whose accuracy was {contract.source_accuracy:.4f}"
