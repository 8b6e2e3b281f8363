"""The VISGRAF/IMPA faces database (IMPA-FACE3D, 2008): 38 people, each with expressions 0 to 13 posed in a laboratory.

Its layout is an assumption, since we had no copy to look at: programs that read it open files such as
`s001/bmp/s001-00_img.bmp`, the person's number and then the expression's. 0 to 6 are neutral, joy, sadness, surprise,
anger, disgust and fear, which is the order of Expression; the others are left out. Where the names are different, a
table `labels.csv` in the folder, with the columns picture, person and label, takes their place.
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
from mien.vision.photo import SUFFIXES, read_photo
from mien_training.data.labels import expression_named
from mien_training.data.lines import checked_lines

_TABLE = "labels.csv"
_COLUMNS = ("picture", "person", "label")
_NAME = re.compile(r"(s\d{3})-(\d\d)_img", re.IGNORECASE)
_DEPTHS = ("*", "*/*", "*/*/*")  # no deeper, lest a wrong folder, such as a home, be searched through
_SMALLEST = 60  # pixels of a face: these fill their pictures of 640 x 480

_FIFTHS = {"Training": (0, 1, 2), "PublicTest": (3,), "PrivateTest": (4,)}
"""Of every five people in the order of their names, who is in which split: nobody is in two."""


class Picture(NamedTuple):
    """A picture, whose face it shows, and with what expression."""

    path: Path
    person: str
    label: Expression


def is_here(data: Path) -> bool:
    """Does the folder hold the database, or a table that says what its pictures show?"""
    return (data / _TABLE).is_file() or bool(_by_name(data))


def read_split(data: Path, split: str) -> Iterator[tuple[NDArray[np.uint8], Expression, Path]]:
    """The faces of a split, uint8 (48, 48), cut out as the device does it, with expression and file.

    A picture in which the detector sees no face is left out with a sentence on stderr. Raises InputError for one that
    cannot be read, and for a table with a fault.
    """
    pictures = _by_table(data / _TABLE) if (data / _TABLE).is_file() else _by_name(data)
    people = sorted({picture.person for picture in pictures})
    if len(people) < 5:
        raise InputError(f"{data} shows {len(people)} people: it takes five, to keep two of them apart from training.")
    wanted = {person for place, person in enumerate(people) if place % 5 in _FIFTHS[split]}
    detector = HaarDetector(_SMALLEST)
    for picture in pictures:
        if picture.person in wanted:
            gray = read_photo(picture.path)
            faces = detector.detect(gray)
            if faces:
                yield to_input(gray, faces[0])[:, :, 0], picture.label, picture.path
            else:
                print(f"{picture.path} is left out: no face was found in it.", file=sys.stderr)


def _by_name(data: Path) -> list[Picture]:
    """What the names say. Where a picture is there in two formats, one of them is enough."""
    pictures = {}
    for path in sorted(path for depth in _DEPTHS for path in data.glob(depth)):
        named = _NAME.fullmatch(path.stem)
        if named and path.suffix.lower() in SUFFIXES and int(named[2]) < len(Expression):
            pictures[named[1], named[2]] = Picture(path, named[1], Expression(int(named[2])))
    return list(pictures.values())


def _by_table(table: Path) -> list[Picture]:
    """What labels.csv says."""
    with table.open(newline="", encoding="utf-8-sig", errors="replace") as file:
        rows = checked_lines(table, file)
        header = [name.strip().lower() for name in next(rows, (0, []))[1]]
        missing = [name for name in _COLUMNS if name not in header]
        if missing:
            raise InputError(f"{table} has no column {', '.join(missing)}: expected {', '.join(_COLUMNS)}.")
        return [_picture(row, header, table, f"{table}, line {number}") for number, row in rows]


def _picture(row: list[str], header: list[str], table: Path, where: str) -> Picture:
    if len(row) != len(header):
        raise InputError(f"{where}: {len(row)} fields instead of {len(header)}; put names with commas in quotes.")
    name, person, label = (row[header.index(column)].strip() for column in _COLUMNS)
    path, expression = table.parent / name, expression_named(label)
    if not path.is_file():
        raise InputError(f"{where}: there is no picture {path}; write its path from the table's folder.")
    if expression is None:
        raise InputError(f"{where}: the label {label[:20]!r} is no expression; use {', '.join(LABELS)}.")
    if not person:
        raise InputError(f"{where}: the person is missing; give everybody a name or number.")
    return Picture(path, person, expression)
