"""A network that classifies the patterns of pattern_faces without any training, in several architectures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np

from mien.expression import LABELS
from tests.fakes.pattern_faces import patterns


def pattern_network(
    *, order: tuple[str, ...] = LABELS, side: int = 48, channels: int = 1, scaled: bool = True, softmax: bool = False
) -> Any:
    """Return a network whose logits are the negative squared distances to the patterns."""
    grids = patterns() / 255
    kernel, bias = np.zeros((36 * channels, len(order))), np.full(len(order), -30.0)
    for output, label in enumerate(order):
        if label != "-":
            grid = grids[LABELS.index(label)].ravel()
            kernel[:, output] = np.repeat(grid, channels) * 20 / channels
            bias[output] = -10 * (grid**2).sum()
    layers = [
        keras.Input((side, side, channels)),
        *([keras.layers.Rescaling(1 / 255)] if scaled else []),
        keras.layers.AveragePooling2D(side // 6),
        keras.layers.Flatten(),
        keras.layers.Dense(len(order), activation="softmax" if softmax else None),
    ]
    network = keras.Sequential(layers)
    network.layers[-1].set_weights([kernel, bias])
    return network


def save_network(path: Path, network: Any) -> Path:
    """Write a .keras or .h5 file, or a SavedModel folder if the path has no suffix, and return the path."""
    if path.suffix:
        network.save(path)
    else:
        network.export(path, verbose=False)
    return path


def write_run(folder: Path, view: str) -> Path:
    """Write a finished run of a network that is right by FER+'s votes, and return its folder."""
    folder.mkdir()
    save_network(folder / "model.keras", pattern_network())
    settings = {"recipe": "mien", "view": view, "seed": 1, "epochs": 1, "faces": [140, 56]}
    (folder / "recipe.json").write_text(json.dumps(settings), encoding="utf-8")
    (folder / "metrics.json").write_text(json.dumps({"crop_margin": 0.0}), encoding="utf-8")
    return folder
