"""Pictures of networks and their training, as SVG: files of their own, or parts of a page."""

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
from mien_training.report.tables import VIEWS

mpl.rcParams["svg.hashsalt"] = "mien"  # the same figure gives the same bytes

_INK = "#010203"  # stands for the page's own text colour, which is light on dark pages
PAGE_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text, in the page's font
    "text.parse_math": False,  # names of files may hold dollars
    "savefig.transparent": True,
    **{f"{part}.color": _INK for part in ("text", "xtick", "ytick")},
    **{f"axes.{part}color": _INK for part in ("edge", "label", "title")},
    "grid.color": _INK,
    "grid.alpha": 0.15,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}
"""matplotlib's settings for figures that `inline` takes."""

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
    """Loss and accuracy by epoch, training and validation."""
    _save(curves(history), path)


def save_confusion(path: Path, confusion: Any) -> None:
    """Shares by true (rows) and named (columns) expression."""
    _save(confusion_matrix(confusion), path)


def inline(figure: Figure, name: str) -> str:
    """The figure as an SVG element for a page, in the page's text colour; name: unlike that of any other there."""
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = file.getvalue()
    text = text[text.index("<svg") :].replace(_INK, "currentColor")
    return re.sub(r'(\bid="|url\(#|href="#)', rf"\1{name}-", text)  # ids are the page's, not the picture's


def curves(history: list[dict[str, float]]) -> Figure:
    """Loss and accuracy by epoch, training and validation."""
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
    """Shares by true (rows) and named (columns) expression."""
    counts = np.asarray(confusion, float)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(5.6, 5), layout="constrained")
    axes = figure.subplots()
    axes.pcolormesh(shares, cmap="Blues", vmin=0, vmax=1)
    middles = np.arange(len(LABELS)) + 0.5
    axes.set_xticks(middles, LABELS, rotation=45)
    axes.set_yticks(middles, LABELS)
    axes.set(xlabel="named", ylabel="true", aspect="equal")
    axes.invert_yaxis()
    for (row, column), share in np.ndenumerate(shares):
        ink = "white" if share > 0.5 else "black"
        axes.text(column + 0.5, row + 0.5, f"{share:.2f}", ha="center", va="center", color=ink)
    return figure


def reliability_diagram(found: dict[str, Any]) -> Figure:
    """Accuracy against confidence, before and after temperature scaling, above the faces in each bin.

    found: one view's figures, with "unscaled" and, where a temperature is known, "scaled".
    """
    figure = Figure(figsize=(5.6, 5), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    upper.plot([0, 1], [0, 1], color="grey", linestyle="--", linewidth=1)
    for place, (key, name) in enumerate((("unscaled", "as it is"), ("scaled", "scaled"))):
        if key in found:
            _draw_reliability(upper, lower, found[key], name, place)
    upper.set(ylabel="accuracy", xlim=(0, 1), ylim=(0, 1))
    upper.legend(loc="upper left")
    lower.set(xlabel="confidence", ylabel="faces")
    for axes in (upper, lower):
        axes.grid(visible=True)
    return figure


def _draw_reliability(upper: Axes, lower: Axes, found: dict[str, Any], name: str, place: int) -> None:
    faces, confidence, accuracy = (np.asarray(found["bins"][key]) for key in ("faces", "confidence", "accuracy"))
    there = faces > 0
    label = f"{name}: error {found['calibration_error']:.4f}"
    upper.plot(confidence[there], accuracy[there], marker="o", color=f"C{place}", label=label)
    edges = np.linspace(0, 1, len(faces) + 1)
    lower.stairs(faces, edges, color=f"C{place}", fill=place == 1, alpha=0.5 if place == 1 else 1.0)


def costs(models: list[dict[str, Any]]) -> Figure:
    """Accuracy in every view against size and multiply-adds, a point a network. models: as in report.json."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    axes_of = (("size_kib", 1.0, "size, KiB"), ("multiply_adds", 1e6, "million multiply-adds a face"))
    for axes, (key, unit, name) in zip(panels, axes_of, strict=True):
        for place, model in enumerate(models):
            for marker, view in zip("os", VIEWS, strict=True):
                if view in model["views"]:
                    point, label = model["views"][view]["accuracy"], f"{model['name']}, {VIEWS[view]}"
                    axes.plot(model[key] / unit, point, marker, color=f"C{place % 10}", label=label)
        axes.set_xlim(0, 1.2 * max(model[key] for model in models) / unit)
        axes.set_xlabel(name)
        axes.margins(y=0.15)
        axes.grid(visible=True)
    panels[0].set_ylabel("accuracy")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def conditions(models: list[dict[str, Any]], met: dict[str, Any]) -> Figure:
    """Accuracy by condition, a line a network; shaded: the range that the device meets."""
    figure = Figure(figsize=(10, 9), layout="constrained")
    panels = figure.subplots(4, 2, sharey=True)
    for axes, name in zip(panels.flat, _UNITS, strict=True):
        if name in met:
            axes.axvspan(*met[name], color="tab:green", alpha=0.15, linewidth=0)
        for place, model in enumerate(models):
            found = model["conditions"][name]
            axes.plot(found["values"], found["accuracy"], marker=".", color=f"C{place % 10}", label=model["name"])
        axes.set(xlabel=_UNITS[name])
        axes.grid(visible=True)
    for axes in panels[:, 0]:
        axes.set_ylabel("accuracy")
    panels[0, 0].set_ylim(bottom=0)
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, metadata={"Date": None})
