"""The valence-arousal plane, its measure of distance, and the grid in whose order the catalogue keeps its songs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

Place = tuple[float, float]
"""(valence, arousal) on the circumplex, each -1 to 1."""

REACHED = 0.4
"""The furthest from the middle, on either axis of the plane (-1 to 1), that features place a song (see `placing`)."""

AROUSAL_COUNTS = 1 / 3
"""What a square of distance in arousal counts for where one in valence counts 1: emotions differ more in valence. It
explains 35 % of how they differ in meaning, arousal 11 % (Fontaine et al., Psychological Science 18, 2007)."""

GRID = 128
"""Cells along each side of the part of the plane that songs reach; at a million songs about sixty share a cell."""

_LAST = GRID - 1


def apart(one: Place, other: Place) -> float:
    """The square of the distance between two places."""
    return (one[0] - other[0]) ** 2 + AROUSAL_COUNTS * (one[1] - other[1]) ** 2


def cell_of(place: Place) -> tuple[int, int]:
    """Column and row of the cell in which a place lies; the nearest cell for a place that no song reaches."""
    column, row = (min(_LAST, max(0, int((x / REACHED + 1) / 2 * GRID))) for x in place)
    return column, row


@dataclass(frozen=True, slots=True)
class CellWindow:
    """The cells around a place, in which the songs near it are sought: columns and rows, the last ones included."""

    place: Place
    left: int
    right: int
    low: int
    high: int

    @classmethod
    def around(cls, place: Place, reach: int) -> Self:
        """`reach` cells to the left and right, and as many up and down as are `apart` as much."""
        column, row = cell_of(place)
        tall = math.ceil(reach / math.sqrt(AROUSAL_COUNTS))
        return cls(
            place, max(0, column - reach), min(_LAST, column + reach), max(0, row - tall), min(_LAST, row + tall)
        )

    @property
    def whole(self) -> bool:
        """True where there is nothing outside."""
        return self.right - self.left == self.high - self.low == _LAST

    @property
    def sure(self) -> float:
        """How far `apart` from the place every song outside of the window is at least."""
        valence, arousal = (min(REACHED, max(-REACHED, x)) for x in self.place)
        left, right, low, high = (
            REACHED * (2 * edge / GRID - 1) for edge in (self.left, self.right + 1, self.low, self.high + 1)
        )
        # the nearest place beyond each side of the window behind which there are more cells
        beyond = [
            *([(left, arousal)] if self.left > 0 else []),
            *([(right, arousal)] if self.right < _LAST else []),
            *([(valence, low)] if self.low > 0 else []),
            *([(valence, high)] if self.high < _LAST else []),
        ]
        return min((apart(self.place, other) for other in beyond), default=math.inf)

    def runs(self) -> list[tuple[int, int]]:
        """The first and last cell of every row, numbered row by row through the grid."""
        return [(row * GRID + self.left, row * GRID + self.right) for row in range(self.low, self.high + 1)]
