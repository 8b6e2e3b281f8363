"""Figures as tables, for a terminal, Markdown and a page alike."""

from __future__ import annotations

from typing import Any

from mien.expression import LABELS

Table = list[list[str]]
"""Rows of equal length; the first is the heading, and the first cell of each row its name."""

VIEWS = {"fer2013": "FER2013", "ferplus": "FER+"}
_FIGURES = {"accuracy": "accuracy", "balanced_accuracy": "balanced accuracy", "macro_f1": "macro-F1"}


def summary(views: dict[str, Any]) -> Table:
    """A row a figure, a column a view."""
    found = list(views.values())
    table = [["", *(VIEWS[view] for view in views)], ["faces", *(str(one["faces"]) for one in found)]]
    table += [[name, *(f"{one[key]:.4f}" for one in found)] for key, name in _FIGURES.items()]
    for key, name in (("unscaled", "calibration error"), ("scaled", "calibration error, scaled")):
        if all(key in one for one in found):
            table.append([name, *(f"{one[key]['calibration_error']:.4f}" for one in found)])
    return table


def classes(views: dict[str, Any]) -> Table:
    """A row an expression; precision, recall, F1 and faces in each view, side by side."""
    heading = [f"{VIEWS[view]} {name}" for view in views for name in ("precision", "recall", "F1", "faces")]
    return [
        ["", *heading],
        *([label, *(cell for one in views.values() for cell in _class(one["classes"][label]))] for label in LABELS),
    ]


def _class(row: dict[str, Any]) -> list[str]:
    return [f"{row[key]:.3f}" for key in ("precision", "recall", "f1")] + [str(row["faces"])]


def as_text(table: Table) -> str:
    """Columns lined up, numbers to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(*table, strict=True)]
    return "\n".join(
        f"{row[0]:<{widths[0]}}"
        + "".join(f"  {cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True))
        for row in table
    )


def as_markdown(table: Table) -> str:
    """A Markdown table; the cells hold no bar."""
    heading, *rows = (f"| {' | '.join(row)} |" for row in table)
    return "\n".join([heading, "|---|" + "---:|" * (len(table[0]) - 1), *rows])
