"""Labels as data sets write them: tables, and the two views of FER2013's faces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mien.text.text_table import TextTable, open_table
from mien.vision.model_file import View

VIEW_NAMES: dict[View, str] = {"fer2013": "FER2013", "ferplus": "FER+"}
"""Whose labels a view takes: FER2013's own, or the votes of FER+'s taggers."""


@contextmanager
def open_columns(path: Path, columns: Sequence[str]) -> Iterator[tuple[TextTable, list[str]]]:
    """Open a table that should have these columns, and return it with its column names in lower case.

    Raises InputError where it cannot be read or is not text.
    """
    with open_table(path, lambda cells: len(set(columns) & set(_names(cells)))) as table:
        yield table, _names(table.heading)


def _names(cells: Sequence[str]) -> list[str]:
    return [cell.strip().lower() for cell in cells]
