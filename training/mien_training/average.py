"""Averaging the weights of several runs into one network (model soups)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mien.errors import InputError
from mien_training.data import fer2013
from mien_training.data.label_mapping import LabelMapping
from mien_training.files import digest, read_json, save_atomically, write_json
from mien_training.fit import write_results
from mien_training.learner import load_teacher
from mien_training.recipes import RECIPES


def average(runs: Sequence[Path], data: Path, out: Path, labels: LabelMapping | None = None) -> dict[str, Any]:
    """Write a finished run whose weights are the mean of those of finished runs, and return its metrics.

    The mean is more accurate than each of the runs where one started with the other's weights, or all with the same,
    and trained on at a fair rate (model soups, Wortsman et al. 2022, arXiv:2203.05482); the mean of runs with unrelated
    starts is useless. The mean's recipe is the first run's. labels: the expressions of the data's folders with other
    names. Raises InputError where the runs have different networks, or `out` holds a run.
    """
    settings = [read_json(run / "recipe.json", {}) for run in runs]
    if len({RECIPES[name].network for setting in settings if (name := setting.get("recipe")) in RECIPES}) > 1:
        raise InputError("The runs have different networks: give runs of one recipe, or of mien and mien-device.")
    networks = [load_teacher(run) for run in runs]
    if (out / "recipe.json").exists():
        raise InputError(f"{out} holds a run: choose another --out, or remove it.")
    recipe = RECIPES[settings[0]["recipe"]]
    splits = {split: fer2013.read(data, split, labels) for split in ("Training", "PublicTest")}
    train, validation = (faces.view(recipe.view) for faces in splits.values())
    mean = recipe.network()
    weights = zip(*(network.get_weights() for network in networks), strict=True)
    mean.set_weights([np.mean(each, axis=0) for each in weights])
    save_atomically(out / "best.weights.h5", mean.save_weights)
    history = [row for run in runs for row in read_json(run / "history.json", [])]
    write_json(out / "history.json", history)
    combined = {
        "epochs": sum(setting.get("epochs", 0) for setting in settings),
        "averaged": [digest(run / "best.weights.h5") for run in runs],
    }
    write_json(out / "recipe.json", settings[0] | combined)
    return write_results(recipe, out, history, validation, fer2013.count_duplicates(train, validation))
