"""Decide on which scale each column of a table is written: 0 to 1, or 0 to 100. No single cell can tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mien.errors import InputError

UNIT_FEATURES = (
    "valence",
    "energy",
    "danceability",
    "acousticness",
    "instrumentalness",
    "speechiness",
    "liveness",
)
"""The features from 0 to 1, which many tables have from 0 to 100."""

REQUIRED = ("valence", "energy")

_PERCENT = 100.0
_CERTAIN = 10  # fractions, without anything near 100, that are certainly from 0 to 1
_STRAY = 0.02  # share of the values that may be on another scale than the rest: rows that slipped by a column
_LARGE_ENOUGH = 10.0  # a column that goes no further could be from 0 to 10


@dataclass(frozen=True, slots=True)
class ColumnValues:
    """The values of a column, of which 0 and those from 1 to 2 prove nothing.

    fractions: how many are between 0 and 1. large, whole: how many are above 2, and those of them that are integers.
    highest: the largest of all. first_fraction, first_large: (line, value) of the first of them, if any.
    """

    fractions: int
    large: int
    whole: int
    highest: float
    first_fraction: tuple[int, float] | None = None
    first_large: tuple[int, float] | None = None

    @property
    def has_decimals(self) -> bool:
        """Return whether most of the large values are not integers."""
        return self.whole < self.large / 2


def decide_scales(columns: Mapping[str, ColumnValues]) -> dict[str, float]:
    """Return {column: the number that stands for 1}, 1 or 100, for columns with values from 0 to 100.

    A column that proves nothing by itself takes the scale of the others. Raises InputError, with the lines, where a
    required column is on two scales, or on none that is certain.
    """
    proven = {name: _proven(values) for name, values in columns.items()}
    by_percent = _PERCENT in proven.values()
    scales = {}
    for name, values in columns.items():
        scale = proven[name]
        if scale is None and (by_percent or values.large):
            _check_unproven(name, values, by_percent)
            scale = _PERCENT
        scales[name] = scale or 1.0
    return scales


def check_declared(name: str, scale: float, values: ColumnValues, above: int, first: tuple[int, float] | None) -> None:
    """Raise InputError where the values of a column contradict the scale that its name declares.

    above: how many are above the scale. first: (line, value) of the first of them.
    """
    counted = values.fractions + values.large
    if above > _STRAY * counted and first:
        line, value = first
        raise InputError(f"{name} is from 0 to {scale:g} by its name, but {value:g} in line {line}: correct the name.")
    if scale > 1 >= values.highest and values.fractions:
        raise InputError(
            f"{name} is from 0 to {scale:g} by its name, but goes up to {values.highest:g} only: correct the name, "
            f'to "{name} (0-1)" if that is its scale.'
        )
    if scale == _PERCENT and name in REQUIRED:
        # the name is believed, so that a short list of quiet songs passes, but not for a column that is half shares
        few = counted / 4 if values.has_decimals else 0
        if values.fractions > few:
            _refuse_two_scales(name, values)


def _proven(values: ColumnValues) -> float | None:
    """Return the scale that a column's own values prove; None where they prove none, or two."""
    counted = values.fractions + values.large
    if values.large <= _STRAY * counted:
        return 1.0 if values.fractions >= _CERTAIN else None
    # percentages with decimals have a few between 0 and 1, integers none
    if values.fractions <= (_STRAY * counted if values.has_decimals else 0) and values.highest > _LARGE_ENOUGH:
        return _PERCENT
    return None


def _check_unproven(name: str, values: ColumnValues, by_percent: bool) -> None:
    """Raise InputError where a column without a scale of its own may not be read from 0 to 100 like the others."""
    if by_percent and (name not in REQUIRED or not values.fractions):
        return
    _refuse_two_scales(name, values)
    contrast, other = (", while other columns go to 100", 1) if by_percent else ("", 10)
    raise InputError(
        f"{name} goes up to {values.highest:g}{contrast}: "
        f'write its scale into its name, such as "{name} (0-100)" or "{name} (0-{other})".'
    )


def _refuse_two_scales(name: str, values: ColumnValues) -> None:
    if values.first_fraction and values.first_large:
        (line, value), (other_line, other_value) = values.first_fraction, values.first_large
        raise InputError(
            f"{name} is {value:g} in line {line} and {other_value:g} in line {other_line}: "
            "write the whole column from 0 to 1, or from 0 to 100."
        )
