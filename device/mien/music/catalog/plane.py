"""The valence-arousal plane, its measure of distance, and the grid in whose order the catalogue keeps its songs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

Place = tuple[float, float]
"""(valence, arousal) on the circumplex, each -1 to 1."""

MAX_REACH = 0.4
"""The furthest from the middle, on either axis (-1 to 1), that features place a song (see `placement`)."""

AROUSAL_WEIGHT = 1 / 3
"""The weight of a squared distance in arousal where one in valence has 1: emotions differ more in valence. It explains
35 % of how they differ in meaning, arousal 11 % (Fontaine et al., Psychological Science 18, 2007)."""

GRID = 128
"""Cells along each side of the part of the plane that songs reach; at a million songs about sixty share a cell."""

_LAST = GRID - 1


def squared_distance(one: Place, other: Place) -> float:
    """Return the square of the weighted distance between two places."""
    return (one[0] - other[0]) ** 2 + AROUSAL_WEIGHT * (one[1] - other[1]) ** 2


def cell_of(place: Place) -> tuple[int, int]:
    """Return column and row of the cell that contains a place; the nearest cell for a place outside the grid."""
    column, row = (min(_LAST, max(0, int((x / MAX_REACH + 1) / 2 * GRID))) for x in place)
    return column, row


@dataclass(frozen=True, slots=True)
class CellWindow:
    """A rectangle of cells around a place: columns left to right and rows low to high, the last ones included."""

    place: Place
    left: int
    right: int
    low: int
    high: int

    @classmethod
    def centered_at(cls, place: Place, reach: int) -> Self:
        """Return a window of `reach` cells to the left and right, and as many up and down as are the same distance."""
        column, row = cell_of(place)
        tall = math.ceil(reach / math.sqrt(AROUSAL_WEIGHT))
        return cls(
            place, max(0, column - reach), min(_LAST, column + reach), max(0, row - tall), min(_LAST, row + tall)
        )

    @property
    def covers_grid(self) -> bool:
        """Return whether there are no cells outside of the window."""
        return self.right - self.left == self.high - self.low == _LAST

    @property
    def inner_squared_distance(self) -> float:
        """Return a squared distance from the place within which every song is inside the window."""
        valence, arousal = (min(MAX_REACH, max(-MAX_REACH, x)) for x in self.place)
        left, right, low, high = (
            MAX_REACH * (2 * edge / GRID - 1) for edge in (self.left, self.right + 1, self.low, self.high + 1)
        )
        # the nearest place beyond each side of the window behind which there are more cells
        beyond = [
            *([(left, arousal)] if self.left > 0 else []),
            *([(right, arousal)] if self.right < _LAST else []),
            *([(valence, low)] if self.low > 0 else []),
            *([(valence, high)] if self.high < _LAST else []),
        ]
        return min((squared_distance(self.place, other) for other in beyond), default=math.inf)

    def runs(self) -> list[tuple[int, int]]:
        """Return the first and last cell of every row, numbered row by row through the grid."""
        return [(row * GRID + self.left, row * GRID + self.right) for row in range(self.low, self.high + 1)]
