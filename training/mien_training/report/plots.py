"""Pictures of networks and their training as SVG, in files or embedded in a page."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mien.expression import LABELS
from mien_training.data.labels import VIEW_NAMES

mpl.rcParams["svg.hashsalt"] = "mien"  # makes the bytes of a figure reproducible

_INK = "#010203"  # placeholder for the page's text colour, which is light on dark pages
PAGE_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text, in the page's font
    "text.parse_math": False,  # file names may contain dollar signs
    "savefig.transparent": True,
    **{f"{part}.color": _INK for part in ("text", "xtick", "ytick")},
    **{f"axes.{part}color": _INK for part in ("edge", "label", "title")},
    "grid.color": _INK,
    "grid.alpha": 0.15,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}
"""matplotlib's settings for figures that `inline` embeds."""

_UNITS = {
    "margin": "margin beyond the network's own, share of the box",
    "shift": "shift of the box, share of the face",
    "scale": "error of the box's size, share",
    "rotation": "rotation, degrees either way",
    "blur": "blur, px of the network's 48 (std. dev.)",
    "noise": "noise, grey levels (std. dev.)",
    "brightness": "brightness, grey levels added",
    "side": "side of the face in the frame, px",
}


def save_curves(path: Path, history: list[dict[str, float]]) -> None:
    """Save `curves` to a file."""
    _save(curves(history), path)


def save_confusion(path: Path, confusion: Any) -> None:
    """Save `confusion_matrix` to a file."""
    _save(confusion_matrix(confusion), path)


def inline(figure: Figure, name: str) -> str:
    """Return the figure as an SVG element in the page's text colour. name: unique on the page."""
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = file.getvalue()
    text = text[text.index("<svg") :].replace(_INK, "currentColor")
    return re.sub(r'(\bid="|url\(#|href="#)', rf"\1{name}-", text)  # ids must be unique on the page


def curves(history: list[dict[str, float]]) -> Figure:
    """Plot loss and accuracy by epoch, training and validation."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    for axes, name in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        epochs = range(1, len(history) + 1)
        axes.plot(epochs, [row[name] for row in history], label="training (augmented)")
        axes.plot(epochs, [row[f"val_{name}"] for row in history], label="validation")
        axes.set(xlabel="epoch", ylabel=name)
        axes.grid(alpha=0.3)
        axes.legend()
    return figure


def confusion_matrix(confusion: Any) -> Figure:
    """Plot shares by true (rows) and predicted (columns) expression."""
    counts = np.asarray(confusion, float)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(5.6, 5), layout="constrained")
    axes = figure.subplots()
    axes.pcolormesh(shares, cmap="Blues", vmin=0, vmax=1)
    centers = np.arange(len(LABELS)) + 0.5
    axes.set_xticks(centers, LABELS, rotation=45)
    axes.set_yticks(centers, LABELS)
    axes.set(xlabel="predicted", ylabel="true", aspect="equal")
    axes.invert_yaxis()
    for (row, column), share in np.ndenumerate(shares):
        ink = "white" if share > 0.5 else "black"
        axes.text(column + 0.5, row + 0.5, f"{share:.2f}", ha="center", va="center", color=ink)
    return figure


def reliability_diagram(figures: dict[str, Any]) -> Figure:
    """Plot accuracy against confidence, before and after temperature scaling, above the faces in each bin.

    figures: one view's metrics, with "unscaled" and, where a temperature is known, "scaled".
    """
    figure = Figure(figsize=(5.6, 5), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    upper.plot([0, 1], [0, 1], color="grey", linestyle="--", linewidth=1)
    for index, name in enumerate(("unscaled", "scaled")):
        if name in figures:
            _draw_reliability(upper, lower, figures[name], name, index)
    upper.set(ylabel="accuracy", xlim=(0, 1), ylim=(0, 1))
    upper.legend(loc="upper left")
    lower.set(xlabel="confidence", ylabel="faces")
    for axes in (upper, lower):
        axes.grid(visible=True)
    return figure


def _draw_reliability(upper: Axes, lower: Axes, figures: dict[str, Any], name: str, index: int) -> None:
    faces, confidence, accuracy = (np.asarray(figures["bins"][key]) for key in ("faces", "confidence", "accuracy"))
    filled = faces > 0
    label = f"{name}: error {figures['calibration_error']:.4f}"
    upper.plot(confidence[filled], accuracy[filled], marker="o", color=f"C{index}", label=label)
    edges = np.linspace(0, 1, len(faces) + 1)
    lower.stairs(faces, edges, color=f"C{index}", fill=index == 1, alpha=0.5 if index == 1 else 1.0)


def costs(models: list[dict[str, Any]]) -> Figure:
    """Plot accuracy in every view against size and multiply-adds, a point a network. models: as in report.json."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    axes_of = (("size_kib", 1.0, "size, KiB"), ("multiply_adds", 1e6, "million multiply-adds a face"))
    for axes, (key, unit, name) in zip(panels, axes_of, strict=True):
        for index, model in enumerate(models):
            for marker, view in zip("os", VIEW_NAMES, strict=True):
                if view in model["views"]:
                    point, label = model["views"][view]["accuracy"], f"{model['name']}, {VIEW_NAMES[view]}"
                    axes.plot(model[key] / unit, point, marker, color=f"C{index % 10}", label=label)
        axes.set_xlim(0, 1.2 * max(model[key] for model in models) / unit)
        axes.set_xlabel(name)
        axes.margins(y=0.15)
        axes.grid(visible=True)
    panels[0].set_ylabel("accuracy")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def conditions(models: list[dict[str, Any]], operating_range: dict[str, Any]) -> Figure:
    """Plot accuracy by condition, a line a network; shaded: the operating range of the device."""
    figure = Figure(figsize=(10, 9), layout="constrained")
    panels = figure.subplots(4, 2, sharey=True)
    for axes, name in zip(panels.flat, _UNITS, strict=True):
        if name in operating_range:
            axes.axvspan(*operating_range[name], color="tab:green", alpha=0.15, linewidth=0)
        for index, model in enumerate(models):
            sweep = model["conditions"][name]
            axes.plot(sweep["values"], sweep["accuracy"], marker=".", color=f"C{index % 10}", label=model["name"])
        axes.set(xlabel=_UNITS[name])
        axes.grid(visible=True)
    for axes in panels[:, 0]:
        axes.set_ylabel("accuracy")
    panels[0, 0].set_ylim(bottom=0)
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, metadata={"Date": None})
