"""Pictures of a training run, as SVG."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from mien.expression import LABELS

mpl.rcParams["svg.hashsalt"] = "mien"  # the same figure gives the same bytes


def save_curves(path: Path, history: list[dict[str, float]]) -> None:
    """Loss and accuracy by epoch, training and validation."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    for axes, name in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        epochs = range(1, len(history) + 1)
        axes.plot(epochs, [row[name] for row in history], label="training (augmented)")
        axes.plot(epochs, [row[f"val_{name}"] for row in history], label="validation")
        axes.set(xlabel="epoch", ylabel=name)
        axes.grid(alpha=0.3)
        axes.legend()
    _save(figure, path)


def save_confusion(path: Path, confusion: Any) -> None:
    """Shares by true (rows) and named (columns) expression."""
    counts = np.asarray(confusion, float)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(5.6, 5), layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(LABELS)), LABELS, rotation=45)
    axes.set_yticks(range(len(LABELS)), LABELS)
    axes.set(xlabel="named", ylabel="true")
    for (row, column), share in np.ndenumerate(shares):
        axes.text(column, row, f"{share:.2f}", ha="center", va="center", color="white" if share > 0.5 else "black")
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, metadata={"Date": None})
