"""Labels as data sets write them: names of expressions, tables, and the two views of FER2013's faces."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from mien.errors import InputError
from mien.expression import LABELS, Expression, Label
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


def read_csv_rows(path: Path, file: TextIO) -> Iterator[tuple[int, list[str]]]:
    """Yield the non-empty rows of a CSV file with their line numbers. Raises InputError where it is malformed."""
    reader = csv.reader(file)
    try:
        for row in reader:
            if row:
                yield reader.line_num, row
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: not a CSV file ({error}).") from None
