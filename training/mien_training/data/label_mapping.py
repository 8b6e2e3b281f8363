"""A table from the names of a data set's folders to expressions (--labels), and the proposal of one."""

from __future__ import annotations

import argparse
import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from mien.errors import InputError
from mien.expression import LABELS, SYNONYMS, Expression
from mien.text import printable
from mien.text.text_table import open_table

SKIP = "skip"
"""What stands in the place of an expression for a folder to leave out."""

LabelMapping = Mapping[str, Expression | None]
"""The expression of each folder's name in lower case; None for a folder to skip."""

_MAX_PROPOSED = 16  # folders in one sentence
_SIMILAR = 0.8  # of difflib's ratio: "suprise" has 0.93

_NUMBERINGS = {
    "AffectNet": ("0", ("neutral", "happy", "sad", "surprise", "fear", "disgust", "angry", SKIP)),
    "FER2013": ("0", ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")),
    "RAF-DB": ("1", ("surprise", "fear", "disgust", "happy", "sad", "angry", "neutral")),
}
"""The first number and the order of the expressions in data sets whose folders are plain numbers."""


def read_label_mapping(path: Path) -> LabelMapping:
    """Read a table of folder names and labels: TOML (`"0_angry" = "angry"`), or two columns (`0_angry,angry`).

    A label is an expression or a synonym, or "skip". Raises InputError, with the place, for anything else.
    """
    rows = _read_toml(path) if path.suffix.lower() == ".toml" else _read_columns(path)
    mapping: dict[str, Expression | None] = {}
    for name, label, where in rows:
        expression = Expression.from_name(label)
        if expression is None and label.strip().lower() != SKIP:
            raise InputError(
                f"{where}: {printable(label, 20)!r} is not an expression; use {', '.join(LABELS)} or {SKIP}."
            )
        key = name.strip().lower()
        if mapping.setdefault(key, expression) != expression:
            raise InputError(f"{where}: {printable(name, 40)!r} has two labels; keep one.")
    if not mapping:
        raise InputError(f'{path} is empty: write a line for each folder, such as "0_angry" = "angry".')
    return mapping


def add_data_options(parser: argparse.ArgumentParser, labels: str = "--labels", *, sets: bool = False) -> None:
    """Add --data, and the option for the labels of its folders, to a command.

    labels: that option's name. sets: whether several folders may be given, of any labelled pictures.
    """
    holds = "holds fer2013.csv, or train/ and val/" + (", or a folder of pictures for each expression" if sets else "")
    parser.add_argument("--data", required=True, type=Path, metavar="DIR", nargs="+" if sets else None, help=holds)
    parser.add_argument(
        labels,
        type=lambda name: read_label_mapping(Path(name)),
        metavar="FILE",
        help="which expression each of its folders with another name holds, or skip",
    )


def expression_of(name: str, mapping: LabelMapping) -> Expression | None:
    """Return the expression of a folder's name, by the mapping or as its own name; None for an unknown one."""
    key = name.strip().lower()
    return mapping[key] if key in mapping else Expression.from_name(name)


def is_skipped(name: str, mapping: LabelMapping) -> bool:
    """Return whether the mapping leaves a folder out."""
    return mapping.get(name.strip().lower(), Expression.NEUTRAL) is None


def format_proposal(folder: Path, names: Iterable[str]) -> str:
    """Return the sentence of an error on folders with unknown names, with the mapping to write."""
    ordered = sorted(names)
    proposals = _propose(ordered)
    lines = ", ".join(f'"{printable(name, 40)}" = "{proposals[name]}"' for name in ordered[:_MAX_PROPOSED])
    more = f" and {len(ordered) - _MAX_PROPOSED} more" if len(ordered) > _MAX_PROPOSED else ""
    numbering = _numbering_of(ordered)
    caution = f" (if these are {numbering}'s numbers: look at some pictures)" if numbering else ""
    return (
        f"{folder} has folders that are not named after expressions: write a line for each into a file labels.toml: "
        f"{lines}{more}{caution}, and give it as --labels labels.toml; a label is one of {', '.join(LABELS)} or {SKIP}."
    )


def _propose(names: list[str]) -> dict[str, str]:
    numbering = _numbering_of(names)
    if numbering:
        first, labels = _NUMBERINGS[numbering]
        return {name: labels[int(name) - int(first)] for name in names}
    return {name: _similar_label(name) or SKIP for name in names}


def _numbering_of(names: list[str]) -> str | None:
    """Return the data set whose numbers the names are: the one with the fewest others; None for other names."""
    if not all(re.fullmatch(r"[0-7]", name) for name in names):
        return None
    numbers = {int(name) for name in names}
    fits = {}
    for data_set, (first, labels) in _NUMBERINGS.items():
        own = set(range(int(first), int(first) + len(labels)))
        if numbers <= own:
            fits[data_set] = len(own)
    return min(fits, key=fits.__getitem__)


def _similar_label(name: str) -> str | None:
    """Return the label that a name contains or resembles: of "0_angry", "3-happy", "suprise"."""
    known: dict[str, str] = {label: label for label in LABELS} | dict(SYNONYMS)
    for word in [name.lower(), *re.findall(r"[a-z]+", name.lower())]:
        close = difflib.get_close_matches(word, known, n=1, cutoff=_SIMILAR)
        if close:
            return known[close[0]]
    return None


def _read_toml(path: Path) -> list[tuple[str, str, str]]:
    """Return names, labels and the place for an error."""
    try:
        table = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f'{path} is not TOML ({error}): write lines such as "0_angry" = "angry".') from None
    for name, label in table.items():
        if not isinstance(label, str):
            raise InputError(f'{path}: {printable(name, 40)!r} has no label in quotes; write a label such as "angry".')
    return [(name, label, str(path)) for name, label in table.items()]


def _read_columns(path: Path) -> list[tuple[str, str, str]]:
    """Return names, labels and the place for an error."""
    with open_table(path, _count_columns) as table:
        rows = [] if _count_columns(table.heading) > 1 else [(1, table.heading)]
        rows += table.rows()
    for number, row in rows:
        if len(row) != 2:
            raise InputError(
                f"{path}, line {number}: {len(row)} fields instead of 2; write a folder's name and a label, such as "
                "0_angry,angry."
            )
    return [(row[0], row[1], f"{path}, line {number}") for number, row in rows]


def _count_columns(cells: Sequence[str]) -> int:
    """Return 2 for a heading, 1 for a folder and its label, 0 for anything else."""
    if len(cells) != 2:
        return 0
    return 2 if cells[1].strip().lower() in {"label", "expression"} else 1
