"""Reading the folder of a finished run of `mien-train fit`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple, get_args

from mien.errors import InputError
from mien.vision.model_file import View
from mien_training.files import read_json


class FinishedRun(NamedTuple):
    """recipe, data: descriptions. view: whose labels it learned. crop_margin: as measured. history: a row an epoch."""

    recipe: str
    data: str
    view: View
    crop_margin: float
    history: list[dict[str, float]]


def read_run(folder: Path) -> FinishedRun:
    """Read a run. Raises InputError, with what to do, for a folder without a finished run or with a damaged one."""
    settings, metrics = read_json(folder / "recipe.json", None), read_json(folder / "metrics.json", None)
    if settings is None or metrics is None or not (folder / "model.keras").is_file():
        raise InputError(f"{folder} does not hold a finished run: let mien-train fit run to its end there.")
    try:
        return FinishedRun(
            recipe=f"{settings['recipe']}, {settings['epochs']} epochs, seed {settings['seed']}",
            data=f"FER2013, {settings['faces'][0]} training faces",
            view=next(name for name in get_args(View) if name == settings.get("view", "fer2013")),
            crop_margin=float(metrics["crop_margin"]),
            history=[_epoch(row) for row in read_json(folder / "history.json", [])],
        )
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, StopIteration):
        raise InputError(f"{folder} has a damaged recipe.json, metrics.json or history.json: train it again.") from None


def _epoch(row: Any) -> dict[str, float]:
    return {name: float(row[name]) for name in ("loss", "accuracy", "val_loss", "val_accuracy")}
