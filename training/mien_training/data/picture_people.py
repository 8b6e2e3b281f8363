"""Who is in each picture of a set: by a table, or by a rule for the names of the files."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import NamedTuple

from mien.errors import InputError, UsageError
from mien.expression import LABELS, Expression
from mien.text import printable
from mien_training.data.face_set import list_face_set
from mien_training.data.label_mapping import LabelMapping, expression_of, is_skipped
from mien_training.data.labels import open_columns
from mien_training.data.picture_folders import LabelledPicture


class PersonPictures(NamedTuple):
    """The pictures of a set, and the person in each; empty where the person is unknown."""

    pictures: list[LabelledPicture]
    people: list[str]


def list_people(folder: Path, rule: str | None, mapping: LabelMapping | None = None) -> PersonPictures:
    """Return the pictures of a set with the people in them.

    rule: a table's file (CSV with the columns picture, person and, if the folders are not named for them, label), or a
    regular expression whose first group is the person in a picture's path. None: all people are unknown.
    Pictures of nobody are left out, counted and named in one line on stderr. Raises InputError or UsageError.
    """
    if rule is None:
        return PersonPictures(list_face_set(folder, mapping), [])
    if Path(rule).is_file():
        return _by_table(folder, Path(rule), mapping or {})
    pattern = _compile(rule)
    pictures, people, unknown = [], [], []
    for picture in list_face_set(folder, mapping):
        match = pattern.search(picture.path.relative_to(folder).as_posix())
        if match and match[1]:
            pictures.append(picture)
            people.append(match[1])
        else:
            unknown.append(picture)
    return _checked(folder, PersonPictures(pictures, people), unknown)


def _compile(rule: str) -> re.Pattern[str]:
    try:
        pattern = re.compile(rule)
    except re.error as error:
        raise UsageError(
            f"--people {printable(rule, 60)!r} is not a file, nor a regular expression ({error})."
        ) from None
    if not pattern.groups:
        raise UsageError(
            f"--people {printable(rule, 60)!r} is not a file, and has no group for the person, such as '(p[0-9]+)_'."
        )
    return pattern


def _by_table(folder: Path, table: Path, mapping: LabelMapping) -> PersonPictures:
    with open_columns(table, ("picture", "person", "label")) as (lines, header):
        rows = list(lines.rows())
    missing = [name for name in ("picture", "person") if name not in header]
    if missing:
        raise InputError(f"{table} has no column {', '.join(missing)}: expected picture, person and perhaps label.")
    known: dict[Path, tuple[str, Expression | None]] = {}
    for number, row in rows:
        where = f"{table}, line {number}"
        if len(row) != len(header):
            raise InputError(f"{where}: {len(row)} fields instead of {len(header)}; put names with commas in quotes.")
        cells = {name: cell.strip() for name, cell in zip(header, row, strict=True)}
        places = (folder / cells["picture"], table.parent / cells["picture"])
        path = next((place for place in places if place.is_file()), None)
        if path is None:
            raise InputError(f"{where}: there is no picture {places[0]}; write its path from that folder.")
        label = _label(cells["label"], mapping, where) if "label" in cells else None
        if "label" not in cells or label is not None:
            known[path.resolve()] = cells["person"], label
    if "label" in header:
        pictures = [LabelledPicture(path, label) for path, (_, label) in known.items() if label is not None]
        unknown: list[LabelledPicture] = []
    else:
        listed = list_face_set(folder, mapping)
        pictures = [picture for picture in listed if picture.path.resolve() in known]
        unknown = [picture for picture in listed if picture.path.resolve() not in known]
    people = [known[picture.path.resolve()][0] for picture in pictures]
    return _checked(folder, PersonPictures(pictures, people), unknown)


def _label(name: str, mapping: LabelMapping, where: str) -> Expression | None:
    """Return the expression of a label; None for one to skip."""
    label = expression_of(name, mapping)
    if label is None and not is_skipped(name, mapping):
        raise InputError(f"{where}: the label {printable(name, 20)!r} is not an expression; use {', '.join(LABELS)}.")
    return label


def _checked(folder: Path, known: PersonPictures, unknown: list[LabelledPicture]) -> PersonPictures:
    if not known.pictures:
        raise InputError(f"--people names nobody in the pictures of {folder}: check it against their paths.")
    if unknown:
        names = ", ".join(printable(picture.path.name, 60) for picture in unknown[:5])
        print(f"{folder}: {len(unknown)} pictures of nobody known left out: {names}.", file=sys.stderr)
    return known
