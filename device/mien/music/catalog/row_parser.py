"""Parse one row of a table into one song, or into the reason why it is refused."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from mien.music.catalog.schema import FEATURES
from mien.music.catalog.song_key import artists_text, song_key
from mien.text import printable

SongRow = tuple[str | float | None, ...]
"""key, spotify_id, isrc, title, artist, the FEATURES, popularity, explicit, genre, year"""

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "title": ("track_name", "name", "title", "track", "song", "song_name"),
    "artist": ("artists", "artist_name", "artist", "artist_names", "artist(s)_name", "track_artist", "artist_name(s)"),
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

_SPOTIFY = re.compile(r"(?:spotify:track:|https://open\.spotify\.com/(?:intl-\w+/)?track/)?([0-9A-Za-z]{22})(?:\?.*)?")
_ISRC = re.compile(r"[A-Z]{2}[A-Z0-9]{3}\d{7}")
_YEAR = re.compile(r"(\d{4})(?:\D|$)")
_MAX_LENGTH = 500  # letters of a title or of the artists

_RANGES: Mapping[str, tuple[float, float]] = {
    "tempo": (1.0, 400.0),
    "loudness": (-100.0, 20.0),
    "popularity": (0.0, 100.0),
}  # all others: 0 to 1
_MODE = FEATURES.index("mode")


class RowParser:
    """A parser for tables with these columns, {mien's name: number}. percent: columns from 0 to 100, not to 1."""

    def __init__(self, columns: dict[str, int], percent: Sequence[bool]) -> None:
        self._width = 1 + max(columns.values())
        # a missing column is read from one after the last, which is always empty
        self._title, self._artist, self._id, self._isrc, self._mode, self._explicit, self._genre, self._year = (
            columns.get(name, self._width)
            for name in ("title", "artist", "id", "isrc", "mode", "explicit", "genre", "year")
        )
        self._numbers = [
            (columns.get(name, self._width), *_RANGES.get(name, (0.0, 1.0)), name in columns and percent[columns[name]])
            for name in (*FEATURES, "popularity")
        ]

    def parse(self, cells: Sequence[Any]) -> SongRow | str:
        """Return a song, or in a few words why the cells are refused."""
        cells = [*cells[: self._width], *[None] * (self._width + 1 - min(len(cells), self._width))]
        title, artist = _text(cells[self._title]), artists_text(_text(cells[self._artist]))
        if not title or not artist:
            return "no title or no artist"
        if len(title) > _MAX_LENGTH or len(artist) > _MAX_LENGTH:
            return "a title or artist of more than 500 letters"
        numbers = [_number(cells[column], low, high, percent) for column, low, high, percent in self._numbers]
        if numbers[0] is None or numbers[1] is None:
            return "no valence or energy from 0 to 1"
        numbers[_MODE] = _mode(cells[self._mode])
        return (
            song_key(title, artist),
            _spotify_id(cells[self._id]),
            _isrc(cells[self._isrc]),
            title,
            artist,
            *numbers,
            str(cells[self._explicit]).strip().casefold() in {"true", "1", "1.0", "yes", "y", "t"},
            _text(cells[self._genre])[:100] or None,
            _year(cells[self._year]),
        )


def _text(value: Any) -> str:
    """Return one line of printable text, which cannot steer a terminal."""
    if isinstance(value, list):
        value = ", ".join(str(part) for part in value)
    text = "" if value is None else str(value).strip()
    return text if text.isprintable() else " ".join(printable(text, len(text), " ").split())


def _number(value: Any, low: float, high: float, percent: bool) -> float | None:
    """Return the number; None where there is none, or it is out of range."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    if percent:
        number /= 100
    return number if low <= number <= high else None  # NaN is in no range


def _mode(value: Any) -> float | None:
    """Return 1 for major, 0 for minor, None for anything else."""
    return {"major": 1.0, "1": 1.0, "1.0": 1.0, "minor": 0.0, "0": 0.0, "0.0": 0.0}.get(str(value).strip().casefold())


def _spotify_id(value: Any) -> str | None:
    match = _SPOTIFY.fullmatch(str(value).strip()) if value is not None else None
    return match[1] if match else None


def _isrc(value: Any) -> str | None:
    text = str(value).strip().upper().replace("-", "") if value is not None else ""
    return text if _ISRC.fullmatch(text) else None


def _year(value: Any) -> int | None:
    if isinstance(value, float):
        value = int(value) if math.isfinite(value) else None
    match = _YEAR.match(str(value).strip())
    return int(match[1]) if match and 1000 <= int(match[1]) <= 2100 else None
