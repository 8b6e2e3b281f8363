"""Comparing networks: all metrics as JSON, an HTML page, and the tables of the model card."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

from mien.errors import InputError, UsageError
from mien_training.data import fer2013
from mien_training.data.fer2013 import Faces, NoFacesError
from mien_training.data.label_mapping import LabelMapping
from mien_training.evaluation.evaluate import measure, primary_view
from mien_training.evaluation.robustness import Log, accuracy_by_condition, operating_range
from mien_training.evaluation.trained_model import TrainedModel, open_trained_model
from mien_training.files import save_atomically, write_json
from mien_training.report.html import render_page
from mien_training.report.tables import by_prior, classes, format_markdown, summary


def report(
    paths: list[Path], data: Path, split: str, out: Path, log: Log, *, labels: LabelMapping | None = None
) -> dict[str, Any]:
    """Measure networks on a split and write report.json, index.html and card.md into the folder `out`.

    All networks are loaded, and all arguments checked, before the first network is measured. labels: the expressions of
    the data's folders with other names. Raises UsageError,
    InputError or ModelError.
    """
    if len({path.resolve() for path in paths}) < len(paths):
        raise UsageError("A network is named twice: name each once.")
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file: give --out the name of a folder.")
    networks = [open_trained_model(path) for path in paths]
    log(f"reading {split}")
    faces, validation = read_with_validation(data, split, labels)
    ranges = operating_range(faces, log)
    names = _display_names(networks, paths)
    models = [
        _measure_model(trained, name, faces, validation, log) for trained, name in zip(networks, names, strict=True)
    ]
    figures = {"split": split, "faces": len(faces), "operating_range": ranges, "models": models}
    write_json(out / "report.json", figures)
    _write(out / "index.html", render_page(figures))
    _write(out / "card.md", format_card(figures))
    return figures


def read_with_validation(data: Path, split: str, labels: LabelMapping | None = None) -> tuple[Faces, Faces | None]:
    """Return the faces of a split, and those of PublicTest if the data have them."""
    faces = fer2013.read(data, split, labels)
    if split == "PublicTest":
        return faces, faces
    try:
        return faces, fer2013.read(data, "PublicTest", labels)
    except NoFacesError:
        return faces, None


def format_card(report: dict[str, Any]) -> str:
    """Format the tables of the model card, as Markdown, for every network. report: as in report.json."""
    parts = []
    for model in report["models"]:
        description = f"{model['recipe'] or 'recipe not recorded'}; {model['kind']}, {model['size_kib']:.0f} KiB"
        network = f"; network SHA-256 `{model['digest'][:16]}…`" if model["digest"] else ""
        parts += [
            f"`{model['name']}` on {report['split']}: {description}, {_millions(model)} multiply-adds{network}",
            format_markdown(summary(model["views"])),
            format_markdown(by_prior(model["views"])),
            format_markdown(classes(model["views"])),
        ]
    return "\n\n".join(parts) + "\n"


def _millions(model: dict[str, Any]) -> str:
    return f"{model['multiply_adds'] / 1e6:.1f} million"


def _measure_model(
    trained: TrainedModel, name: str, faces: Faces, validation: Faces | None, log: Log
) -> dict[str, Any]:
    log(f"{name}: classifying {len(faces)} faces")
    figures = measure(trained, faces, validation)
    view = primary_view(trained, faces)
    return {
        "name": name,
        "kind": trained.kind,
        "recipe": trained.recipe,
        "view": view,
        "size_kib": round(trained.cost.size / 1024, 1),
        "multiply_adds": trained.cost.multiply_adds,
        "crop_margin": trained.crop_margin,
        "digest": trained.digest,
        **figures,
        "history": trained.history,
        "conditions": accuracy_by_condition(
            trained.predict, faces.view(view), trained.crop_margin, lambda line: log(f"{name}: {line}")
        ),
    }


def _display_names(networks: list[TrainedModel], paths: list[Path]) -> list[str]:
    """Return each network's name, or its path where two names are equal, with undecodable bytes replaced."""
    count = Counter(trained.name for trained in networks)
    names = [
        trained.name if count[trained.name] == 1 else str(path) for trained, path in zip(networks, paths, strict=True)
    ]
    return [os.fsencode(name).decode("utf-8", "replace") for name in names]


def _write(path: Path, text: str) -> None:
    save_atomically(path, lambda part: part.write_text(text, encoding="utf-8"))
