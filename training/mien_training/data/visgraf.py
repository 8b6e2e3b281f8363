"""Reading the VISGRAF/IMPA faces database (IMPA-FACE3D, 2008): 38 people, expressions 0 to 13 posed in a laboratory.

The layout is an assumption, since no copy was available: programs that read it open files such as
`s001/bmp/s001-00_img.bmp`, the person's number and then the expression's. 0 to 6 are neutral, joy, sadness, surprise,
anger, disgust and fear, which is the order of Expression; the others are ignored. A table `labels.csv` in the folder,
with the columns picture, person and label, replaces the file names.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mien.errors import InputError
from mien.expression import LABELS, Expression
from mien.vision.crop import to_input
from mien.vision.detector import HaarDetector
from mien.vision.photo import read_photo
from mien_training.data.labels import open_columns
from mien_training.data.picture_folders import PICTURE_SUFFIXES

_TABLE = "labels.csv"
_COLUMNS = ("picture", "person", "label")
_NAME = re.compile(r"(s\d{3})-(\d\d)_img", re.IGNORECASE)
_DEPTHS = ("*", "*/*", "*/*/*")  # no deeper, so that a wrong folder, such as a home, is not searched completely
_SMALLEST = 60  # pixels of a face: faces fill these pictures of 640 x 480

_FIFTHS = {"Training": (0, 1, 2), "PublicTest": (3,), "PrivateTest": (4,)}
"""The split of each of five people in the order of their names: no person is in two splits."""


class Picture(NamedTuple):
    """A picture with the person and the expression in it."""

    path: Path
    person: str
    label: Expression


def contains_database(data: Path) -> bool:
    """Return whether the folder holds the database, or a table of labels."""
    return (data / _TABLE).is_file() or bool(_pictures_by_name(data))


def read_split(data: Path, split: str) -> Iterator[tuple[NDArray[np.uint8], Expression, Path]]:
    """Yield the faces of a split, uint8 (48, 48), cropped as on the device, with expression and file.

    A picture without a detected face is skipped with a sentence on stderr. Raises InputError for a picture that cannot
    be read, and for a malformed table.
    """
    pictures = _pictures_from_table(data / _TABLE) if (data / _TABLE).is_file() else _pictures_by_name(data)
    people = sorted({picture.person for picture in pictures})
    if len(people) < 5:
        raise InputError(f"{data} shows {len(people)} people: it takes five, so that two are kept out of training.")
    wanted = {person for index, person in enumerate(people) if index % 5 in _FIFTHS[split]}
    detector = HaarDetector(_SMALLEST)
    for picture in pictures:
        if picture.person in wanted:
            gray = read_photo(picture.path).gray
            faces = detector.detect(gray)
            if faces:
                yield to_input(gray, faces[0])[:, :, 0], picture.label, picture.path
            else:
                print(f"{picture.path} is left out: no face was detected in it.", file=sys.stderr)


def _pictures_by_name(data: Path) -> list[Picture]:
    """Return the pictures with labels from their file names; of a picture in two formats only one."""
    pictures = {}
    for path in sorted(path for depth in _DEPTHS for path in data.glob(depth)):
        match = _NAME.fullmatch(path.stem)
        if match and path.suffix.lower() in PICTURE_SUFFIXES and int(match[2]) < len(Expression):
            pictures[match[1], match[2]] = Picture(path, match[1], Expression(int(match[2])))
    return list(pictures.values())


def _pictures_from_table(table: Path) -> list[Picture]:
    """Return the pictures with labels from labels.csv."""
    with open_columns(table, _COLUMNS) as (rows, header):
        missing = [name for name in _COLUMNS if name not in header]
        if missing:
            raise InputError(f"{table} has no column {', '.join(missing)}: expected {', '.join(_COLUMNS)}.")
        return [_picture(row, header, table, f"{table}, line {number}") for number, row in rows.rows()]


def _picture(row: list[str], header: list[str], table: Path, where: str) -> Picture:
    if len(row) != len(header):
        raise InputError(f"{where}: {len(row)} fields instead of {len(header)}; put names with commas in quotes.")
    name, person, label = (row[header.index(column)].strip() for column in _COLUMNS)
    path, expression = table.parent / name, Expression.from_name(label)
    if not path.is_file():
        raise InputError(f"{where}: there is no picture {path}; write its path from the table's folder.")
    if expression is None:
        raise InputError(f"{where}: the label {label[:20]!r} is not an expression; use {', '.join(LABELS)}.")
    if not person:
        raise InputError(f"{where}: the person is missing; give every person a name or number.")
    return Picture(path, person, expression)
