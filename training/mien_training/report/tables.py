"""Metrics as tables, for a terminal, Markdown and a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mien.expression import LABELS
from mien.vision.model_file import View
from mien_training.data.labels import VIEW_NAMES

Table = list[list[str]]
"""Rows of equal length; the first is the heading, and the first cell of each row is its name."""

_FIGURES = {"accuracy": "accuracy", "balanced_accuracy": "balanced accuracy", "macro_f1": "macro-F1"}


def summary(views: Mapping[View, Any]) -> Table:
    """Return a row for each metric and a column for each view."""
    columns = list(views.values())
    table = [["", *(VIEW_NAMES[view] for view in views)], ["faces", *(str(one["faces"]) for one in columns)]]
    table += [[name, *(f"{one[key]:.4f}" for one in columns)] for key, name in _FIGURES.items()]
    for key, name in (("unscaled", "calibration error"), ("scaled", "calibration error, scaled")):
        if all(key in one for one in columns):
            table.append([name, *(f"{one[key]['calibration_error']:.4f}" for one in columns)])
    return table


def by_prior(views: Mapping[View, Any]) -> Table:
    """Return a row for each view and documented prior; none but the heading without a scaling."""
    rows = [
        [
            f"{VIEW_NAMES[view]}, {name} prior",
            *(f"{figures[key]:.4f}" for key in ("accuracy", "balanced_accuracy", "calibration_error")),
            f"{figures['temperature']:.3f}",
        ]
        for view, one in views.items()
        for name, figures in one.get("priors", {}).items()
    ]
    return [["", "accuracy", "balanced", "calibration error", "temperature"], *rows]


def classes(views: Mapping[View, Any]) -> Table:
    """Return a row for each expression, with precision, recall, F1 and faces in each view."""
    heading = [f"{VIEW_NAMES[view]} {name}" for view in views for name in ("precision", "recall", "F1", "faces")]
    return [
        ["", *heading],
        *([label, *(cell for one in views.values() for cell in _class(one["classes"][label]))] for label in LABELS),
    ]


def _class(row: dict[str, Any]) -> list[str]:
    return [f"{row[key]:.3f}" for key in ("precision", "recall", "f1")] + [str(row["faces"])]


def format_text(table: Table) -> str:
    """Format a table with aligned columns, numbers to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(*table, strict=True)]
    return "\n".join(
        f"{row[0]:<{widths[0]}}"
        + "".join(f"  {cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True))
        for row in table
    )


def format_markdown(table: Table) -> str:
    """Format a table as Markdown; the cells must not contain bars."""
    heading, *rows = (f"| {' | '.join(row)} |" for row in table)
    return "\n".join([heading, "|---|" + "---:|" * (len(table[0]) - 1), *rows])
