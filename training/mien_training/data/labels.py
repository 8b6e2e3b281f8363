"""Labels as data sets write them: names of expressions, tables, and the two views of FER2013's faces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mien.expression import LABELS, Expression, Label
from mien.text.text_table import TextTable, open_table
from mien.vision.model_file import View

VIEW_NAMES: dict[View, str] = {"fer2013": "FER2013", "ferplus": "FER+"}
"""Whose labels a view takes: FER2013's own, or the votes of FER+'s taggers."""

SYNONYMS: dict[str, Label] = {
    "anger": "angry",
    "disgusted": "disgust",
    "fearful": "fear",
    "happiness": "happy",
    "joy": "happy",
    "sadness": "sad",
    "surprised": "surprise",
}
"""Other names of the expressions; those that may be a mistake, or mean something else, need a table (--labels)."""


def parse_expression(name: str) -> Expression | None:
    """Return the expression of a name such as "happy" or "Sadness"; None for an unknown name."""
    lower = name.strip().lower()
    label = SYNONYMS.get(lower, lower)
    return Expression.from_label(label) if label in LABELS else None


@contextmanager
def open_columns(path: Path, columns: Sequence[str]) -> Iterator[tuple[TextTable, list[str]]]:
    """Open a table that should have these columns, and return it with its column names in lower case.

    Raises InputError where it cannot be read or is not text.
    """
    with open_table(path, lambda cells: len(set(columns) & set(_names(cells)))) as table:
        yield table, _names(table.heading)


def _names(cells: Sequence[str]) -> list[str]:
    return [cell.strip().lower() for cell in cells]
