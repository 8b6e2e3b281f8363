"""Tables of songs to import."""

from __future__ import annotations

from collections.abc import Callable

from mien.expression import Expression
from mien.music.catalog.catalog import Catalog
from mien.music.catalog.importer import ImportReport
from mien.music.catalog.records import Track

HAPPY = tuple(float(e == Expression.HAPPY) for e in Expression)
HEADING = "track_id,track_name,artists,isrc,valence,energy,tempo,explicit,track_genre,release_date"
ID = "4uLU6hMCjMI75M1A2tKUQC"

ImportTable = Callable[[str | bytes], ImportReport]
"""Imports a table given as its text or bytes."""


def song(catalog: Catalog, words: str) -> Track:
    """Return the one song of the catalogue with these words."""
    [track] = catalog.find(words)
    return track


def table(count: int, start: int = 0) -> str:
    """Return a table of songs from all over the plane."""
    rows = (
        f",Song {n},Artist {n % 50},,{n * 7919 % 1000 / 999:.3f},{n * 104729 % 1000 / 999:.3f},{60 + n % 120},0,,2001"
        for n in range(start, start + count)
    )
    return "\n".join([HEADING, *rows])
