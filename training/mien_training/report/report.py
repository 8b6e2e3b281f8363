"""Networks side by side: every figure as JSON, a page to look at, and the tables of the model card."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mien.errors import InputError, UsageError
from mien_training.data import fer2013
from mien_training.data.fer2013 import Faces, NoFacesError
from mien_training.evaluation.evaluate import measure, own_view
from mien_training.evaluation.robustness import accuracy_by_condition, met
from mien_training.evaluation.trained_model import Trained, open_trained
from mien_training.files import save_whole, write_json
from mien_training.report.html import page
from mien_training.report.tables import as_markdown, classes, summary

Tell = Callable[[str], object]


def report(paths: list[Path], data: Path, split: str, out: Path, tell: Tell) -> dict[str, Any]:
    """Measure networks on a split and write report.json, index.html and card.md into the folder `out`.

    Every network is loaded, and everything that can be refused is, before the first is measured. tell: takes lines that
    say how far it has come.
    """
    if len({path.resolve() for path in paths}) < len(paths):
        raise UsageError("A network is named twice: name each once.")
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file: give --out the name of a folder.")
    networks = [open_trained(path) for path in paths]
    tell(f"reading {split}")
    faces, validation = read_both(data, split)
    ranges = met(faces, tell)
    names = _names(networks, paths)
    models = [_one(trained, name, faces, validation, tell) for trained, name in zip(networks, names, strict=True)]
    found = {"split": split, "faces": len(faces), "met": ranges, "models": models}
    write_json(out / "report.json", found)
    _write(out / "index.html", page(found))
    _write(out / "card.md", card(found))
    return found


def read_both(data: Path, split: str) -> tuple[Faces, Faces | None]:
    """The faces of a split, and those of PublicTest where the data have them."""
    faces = fer2013.read(data, split)
    if split == "PublicTest":
        return faces, faces
    try:
        return faces, fer2013.read(data, "PublicTest")
    except NoFacesError:
        return faces, None


def card(found: dict[str, Any]) -> str:
    """The tables of the model card, as Markdown, for every network."""
    parts = []
    for model in found["models"]:
        about = f"{model['recipe'] or 'recipe not recorded'}; {model['kind']}, {model['size_kib']:.0f} KiB"
        network = f"; network SHA-256 `{model['digest'][:16]}…`" if model["digest"] else ""
        parts += [
            f"`{model['name']}` on {found['split']}: {about}, {_millions(model)} multiply-adds{network}",
            as_markdown(summary(model["views"])),
            as_markdown(classes(model["views"])),
        ]
    return "\n\n".join(parts) + "\n"


def _millions(model: dict[str, Any]) -> str:
    return f"{model['multiply_adds'] / 1e6:.1f} million"


def _one(trained: Trained, name: str, faces: Faces, validation: Faces | None, tell: Tell) -> dict[str, Any]:
    tell(f"{name}: naming {len(faces)} faces")
    figures = measure(trained, faces, validation)
    view = own_view(trained, faces)
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
            trained.predict, faces.view(view), trained.crop_margin, lambda line: tell(f"{name}: {line}")
        ),
    }


def _names(networks: list[Trained], paths: list[Path]) -> list[str]:
    """Each network's own name, or its whole path where two have the same; undecodable bytes are shown as marks."""
    count = Counter(trained.name for trained in networks)
    names = [
        trained.name if count[trained.name] == 1 else str(path) for trained, path in zip(networks, paths, strict=True)
    ]
    return [os.fsencode(name).decode("utf-8", "replace") for name in names]


def _write(path: Path, text: str) -> None:
    save_whole(path, lambda part: part.write_text(text, encoding="utf-8"))
