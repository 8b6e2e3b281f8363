"""Parse one row of a table into one song, or into the reason why it is refused."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from mien.music.catalog.schema import FEATURES
from mien.music.catalog.song_key import artists_text, song_key
from mien.text import printable

SongRow = tuple[str | float | None, ...]
"""line, key, spotify_id, isrc, title, artist, the FEATURES, popularity, explicit, genre, year

Features from 0 to 1 are as the table has them, perhaps from 0 to 100; with a percent sign they are texts, without it.
"""

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "title": ("track_name", "name", "title", "track", "song", "song_name", "track_title", "song_title"),
    "artist": ("artists", "artist_name", "artist", "artist_names", "artists_name", "track_artist"),
    "id": ("track_id", "spotify_id", "spotify_track_id", "id", "uri", "track_uri", "spotify_uri"),
    "isrc": ("isrc", "track_isrc"),
    **{name: (name,) for name in FEATURES},
    "tempo": ("tempo", "bpm"),
    "popularity": ("popularity", "track_popularity"),
    "explicit": ("explicit", "is_explicit", "track_explicit"),
    "genre": ("track_genre", "genre", "playlist_genre", "genres", "artist_genres"),
    "year": ("year", "release_year", "released_year", "release_date", "album_release_date", "track_album_release_date"),
}
"""{mien's name of a column: the names that tables use, in lower case, the most usual first}"""

OFF_SCALE = "a valence or energy below 0 or above 100"
"""The reason why a row is refused whose numbers are on no scale that is known."""

_SPOTIFY = re.compile(r"(?:spotify:track:|https://open\.spotify\.com/(?:intl-\w+/)?track/)?([0-9A-Za-z]{22})(?:\?.*)?")
_ISRC = re.compile(r"[A-Z]{2}[A-Z0-9]{3}\d{7}")
_YEAR = re.compile(r"(?<!\d)(\d{4})(?!\d)")
_MAX_LENGTH = 500  # letters of a title or of the artists

_NO_NAMES = frozenset({"nan", "NaN", "NULL", "null", "None", "<NA>", "N/A", "#N/A"})
"""What programs write where there is no title or no artist."""

_TRUE = frozenset(
    {"true", "1", "1.0", "1,0", "yes", "y", "t", "wahr", "vrai", "verdadero", "verdadeiro", "vero", "waar"}
)
"""Spreadsheets write TRUE in the language of their user."""

_WRITTEN = re.compile(r"([-+]?)([\d.,]*\d[.,]?)(e[-+]?\d+)?(%|bpm|db)?", re.IGNORECASE)
_SPACES_AND_MINUS = str.maketrans({" ": None, "\u00a0": None, "\u202f": None, "'": None, "\u2019": None, "\u2212": "-"})

_RANGES: Mapping[str, tuple[float, float]] = {
    "tempo": (1.0, 400.0),
    "loudness": (-100.0, 20.0),
    "popularity": (0.0, 100.0),
}
_MODE = FEATURES.index("mode")


class RowParser:
    """A parser for tables with these columns, {mien's name: number}, of `width` in all.

    scales: {column: the number that stands for 1}, for the columns whose scale is known before they are read.
    """

    def __init__(self, columns: Mapping[str, int], width: int, scales: Mapping[str, float]) -> None:
        self._width = width
        # a missing column is read from one after the last, which is always empty
        self._title, self._artist, self._id, self._isrc, self._mode, self._explicit, self._genre, self._year = (
            columns.get(name, width) for name in ("title", "artist", "id", "isrc", "mode", "explicit", "genre", "year")
        )
        self._numbers = [
            (columns.get(name, width), *_RANGES.get(name, (0.0, max(100.0, scales.get(name, 1.0)))))
            for name in (*FEATURES, "popularity")
        ]

    def parse(self, line: int, cells: list[Any]) -> SongRow | str:
        """Return a song, or in a few words why the cells are refused. Appends to the cells what they lack."""
        if len(cells) > self._width:
            if any(cells[self._width :]):
                return "more cells than the heading"  # an unquoted delimiter: the columns have slipped
            del cells[self._width :]
        cells += [None] * (self._width + 1 - len(cells))
        title, artist = _text(cells[self._title]), artists_text(_text(cells[self._artist]))
        if not title or not artist or title in _NO_NAMES or artist in _NO_NAMES:
            return "no title or no artist"
        if len(title) > _MAX_LENGTH or len(artist) > _MAX_LENGTH:
            return "a title or artist of more than 500 letters"
        numbers = [_number(cells[column], low, high) for column, low, high in self._numbers]
        if numbers[0] is None or numbers[1] is None:
            finite = all(_number(cells[column], -1e9, 1e9) is not None for column, _, _ in self._numbers[:2])
            return OFF_SCALE if finite else "no number for valence or energy"
        numbers[_MODE] = _mode(cells[self._mode])
        return (
            line,
            song_key(title, artist),
            _spotify_id(cells[self._id]),
            _isrc(cells[self._isrc]),
            title,
            artist,
            *numbers,
            str(cells[self._explicit]).strip().casefold() in _TRUE,
            _text(cells[self._genre])[:100] or None,
            _year(cells[self._year]),
        )


def _text(value: Any) -> str:
    """Return one line of printable text, which cannot steer a terminal."""
    if isinstance(value, list):
        value = ", ".join(str(part) for part in value)
    text = "" if value is None else str(value).strip()
    return text if text.isprintable() else " ".join(printable(text, len(text), " ").split())


def _number(value: Any, low: float, high: float) -> str | float | None:
    """Return the number, as a text where it has a percent sign; None where there is none, or it is out of range."""
    percent = False
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        if not value:
            return None
        text = str(value)
        try:  # most often it has a decimal comma
            number = float(text.replace(",", ".", 1))
        except ValueError:
            written, percent = _written(text)
            if written is None:
                return None
            number = float(written)
    if not low <= number <= high:  # NaN is in no range
        return None
    return repr(number) if percent else number


def _written(text: str) -> tuple[str | None, bool]:
    """Return a number as Python writes it, and whether it has a percent sign: "-5,2 dB", "1.234,5", "45 %".

    A comma alone is a decimal mark: no number of a song has thousands.
    """
    match = _WRITTEN.fullmatch(text.translate(_SPACES_AND_MINUS))
    if match is None:
        return None, False
    digits = match[2]
    mark = max(".,", key=digits.rfind)
    if digits.count(mark) > 1:
        mark = ""  # all of them separate thousands
    whole, _, decimals = digits.rpartition(mark) if mark and mark in digits else (digits, "", "")
    if "." in decimals or "," in decimals:
        return None, False
    whole = whole.replace(".", "").replace(",", "")
    return f"{match[1]}{whole or 0}.{decimals or 0}{match[3] or ''}", match[4] == "%"


def _mode(value: Any) -> float | None:
    """Return 1 for major, 0 for minor, None for anything else."""
    text = str(value).strip().casefold().replace(",", ".")
    return {"major": 1.0, "1": 1.0, "1.0": 1.0, "minor": 0.0, "0": 0.0, "0.0": 0.0}.get(text)


def _spotify_id(value: Any) -> str | None:
    match = _SPOTIFY.fullmatch(str(value).strip()) if value is not None else None
    return match[1] if match else None


def _isrc(value: Any) -> str | None:
    text = str(value).strip().upper().replace("-", "") if value is not None else ""
    return text if _ISRC.fullmatch(text) else None


def _year(value: Any) -> int | None:
    if isinstance(value, float):
        value = int(value) if math.isfinite(value) else None
    match = _YEAR.search(str(value))
    return int(match[1]) if match and 1000 <= int(match[1]) <= 2100 else None
