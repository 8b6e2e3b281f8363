"""The songs to choose from, what was played, and how it was received: one SQLite file, or the starter list."""

from __future__ import annotations

import csv
import json
import math
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple, Self

import msgspec

from mien.music.catalog import schema, song_key
from mien.music.catalog.plane import AROUSAL_COUNTS, GRID, CellWindow, Place, apart
from mien.state import state_directory

Spot = tuple[int, float, float]
"""A song's number in its file, and its place."""

_SHARES = msgspec.json.Decoder(tuple[float, ...])


@dataclass(frozen=True, slots=True)
class Track:
    """A song and where it stands.

    uri: Spotify's, or None where it is not known. valence: 0 (bleak) to 1 (joyful). energy: 0 (still) to 1 (fierce).
    tempo: beats a minute. place: where people can be expected to hear it, which is what the recommender goes by; set by
    hand for the starter list, else from the features (`placing`). track_id: names the song wherever it comes from, and
    stays over imports (`song_key.song_key`).
    """

    title: str
    artist: str
    uri: str | None
    year: int | None
    language: str
    genre: str
    valence: float
    energy: float
    tempo: float | None
    place: Place
    track_id: str
    isrc: str | None = None
    explicit: bool = False
    in_library: bool = False
    danceability: float | None = None
    acousticness: float | None = None

    @property
    def artist_key(self) -> str:
        """The first artist, however spelt."""
        return song_key.artist_of(self.track_id)


@dataclass(frozen=True, slots=True)
class LibrarySong:
    """A song that the user saved or listens to most: what Spotify says of it but how it sounds."""

    spotify_id: str
    isrc: str | None
    title: str
    artist: str


@dataclass(frozen=True, slots=True)
class LibraryReport:
    """What became of a library: songs in it, and how many of them have features."""

    songs: int
    joined: int


class Play(NamedTuple):
    """A song that was played. at: seconds since 1970."""

    track_id: str
    artist_key: str
    at: float


class Feedback(NamedTuple):
    """How long a song was borne under a mood: heard is the share of it that was heard, 0 to 1."""

    track_id: str
    artist_key: str
    title: str
    place: Place
    probabilities: tuple[float, ...]
    heard: float
    at: float


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a search for a song gave. uri: None where it found nothing. at: seconds since 1970."""

    uri: str | None
    at: float


def default_path() -> Path:
    """The user's catalogue, whether or not it exists yet."""
    return state_directory() / "music.sqlite"


class Catalog:
    """A catalogue file. Belongs to the thread that opened it; other threads and processes open their own.

    Every method raises InputError, in a sentence, where the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.database = schema.connect(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self.database.close()

    def __len__(self) -> int:
        """How many songs have features."""
        return int(self.database.execute("SELECT count(*) FROM song").fetchone()[0])

    @contextmanager
    def writing(self) -> Iterator[None]:
        """All or nothing: what is written inside stands together, or not at all."""
        self.database.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.database.execute("COMMIT")
        except BaseException:
            if self.database.in_transaction:
                self.database.rollback()
            raise

    def candidates(
        self, places: Sequence[Place], each: int, *, explicit: bool = True, without: Collection[str] = ()
    ) -> list[Track]:
        """The `each` songs nearest to every place, or as many as there are, less some track_ids; each song once."""
        return self._nearest("spot", places, each, explicit=explicit, without=without)

    def library(
        self, places: Sequence[Place], each: int, *, explicit: bool = True, without: Collection[str] = ()
    ) -> list[Track]:
        """As `candidates`, of the user's own songs."""
        return self._nearest("library", places, each, explicit=explicit, without=without)

    def find(self, text: str, limit: int = 10) -> list[Track]:
        """Songs whose artist and title hold the words, in any spelling; those with the fewest other words first."""
        words = song_key.plain(text).split()
        if not words:
            return []
        where = " AND ".join("song.key LIKE ?" for _ in words)
        sql = (
            f"SELECT song.id, spot.valence, arousal FROM song JOIN spot ON spot.song = song.id WHERE {where}"  # noqa: S608 - no words in it
            " ORDER BY length(song.key), song.key LIMIT ?"
        )
        rows = self.database.execute(sql, (*(f"%{word}%" for word in words), limit))
        return self._songs(rows.fetchall())

    def record_play(self, track: Track, probabilities: Sequence[float], at: float) -> None:
        """Remember that a song was played under a mood, at seconds since 1970."""
        self.database.execute(
            "INSERT INTO play (at, key, artist, probabilities) VALUES (?, ?, ?, ?)",
            (at, track.track_id, track.artist_key, json.dumps(list(probabilities))),
        )

    def record_feedback(self, track: Track, probabilities: Sequence[float], heard_share: float, at: float) -> None:
        """Remember how much of a song was heard under a mood: 0 (skipped at once) to 1 (heard to its end)."""
        self.database.execute(
            "INSERT INTO feedback (at, key, artist, title, valence, arousal, probabilities, heard)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                at,
                track.track_id,
                track.artist_key,
                f"{track.title} by {track.artist}",
                *track.place,
                json.dumps(list(probabilities)),
                min(1.0, max(0.0, heard_share)),
            ),
        )

    def played(self, since: float) -> set[str]:
        """The track_ids of what was played since then."""
        return {key for (key,) in self.database.execute("SELECT key FROM play WHERE at >= ?", (since,))}

    def artists_played(self, since: float) -> set[str]:
        """The artist keys of what was played since then."""
        return {artist for (artist,) in self.database.execute("SELECT artist FROM play WHERE at >= ?", (since,))}

    def recent(self, since: float) -> list[Play]:
        """What was played since then, the latest first."""
        rows = self.database.execute("SELECT key, artist, at FROM play WHERE at >= ? ORDER BY at DESC", (since,))
        return [Play._make(row) for row in rows]

    def feedback(self, limit: int = 200) -> list[Feedback]:
        """How the last songs were received, the latest first."""
        rows = self.database.execute(
            "SELECT key, artist, title, valence, arousal, probabilities, heard, at FROM feedback"
            " ORDER BY at DESC LIMIT ?",
            (limit,),
        )
        return [
            Feedback(key, artist, title, (v, a), _SHARES.decode(shares), heard, at)
            for key, artist, title, v, a, shares, heard, at in rows
        ]

    def count_feedback(self) -> int:
        """How many judgements there are."""
        return int(self.database.execute("SELECT count(*) FROM feedback").fetchone()[0])

    def reset(self) -> None:
        """Forget what was played and how it was received; songs and library stay."""
        with self.writing():
            self.database.execute("DELETE FROM play")
            self.database.execute("DELETE FROM feedback")

    def cache_resolution(self, track: Track, uri: str | None, at: float) -> None:
        """Remember what a search for the song gave; None is an answer too."""
        self.database.execute("INSERT OR REPLACE INTO resolution VALUES (?, ?, ?)", (track.track_id, uri, at))

    def resolution(self, track: Track) -> Resolution | None:
        """What the last search for the song gave; None where it was never searched."""
        row = self.database.execute("SELECT uri, at FROM resolution WHERE key = ?", (track.track_id,)).fetchone()
        return Resolution(*row) if row else None

    def merge_library(self, songs: Iterable[LibrarySong]) -> LibraryReport:
        """Make these the user's library, in place of what it was, joined to the features by id, ISRC or names."""
        # all of them first: they may come over a network, while others want to write
        rows = [(s.spotify_id, s.isrc, song_key.song_key(s.title, s.artist), s.title, s.artist) for s in songs]
        with self.writing():
            self.database.execute("DELETE FROM library")
            self.database.executemany(
                "INSERT OR REPLACE INTO library (spotify_id, isrc, key, title, artist) VALUES (?, ?, ?, ?, ?)", rows
            )
            join_library(self.database)
        row = self.database.execute("SELECT count(*), count(arousal) FROM library").fetchone()
        return LibraryReport(*row)

    def _nearest(
        self, table: str, places: Sequence[Place], each: int, *, explicit: bool, without: Collection[str]
    ) -> list[Track]:
        """From one of the two tables that have cells."""
        # about how many songs it has: to count the catalogue's would take longer than all the rest
        about = "SELECT count(*) FROM library" if table == "library" else "SELECT max(id) FROM song"
        songs = self.database.execute(about).fetchone()[0] or 0
        near: dict[str, Track] = {}
        for place in places if songs else ():
            reach = math.ceil(GRID / 2 * math.sqrt(2 * each / songs))
            while (found := self._within(table, CellWindow.around(place, reach), each, explicit, without)) is None:
                reach *= 2
            near.update((track.track_id, track) for track in found)
        return list(near.values())

    def _within(
        self, table: str, window: CellWindow, each: int, explicit: bool, without: Collection[str]
    ) -> list[Track] | None:
        """The `each` songs nearest to the window's place; None if there may be nearer ones outside of the window."""
        valence, arousal = window.place
        spots = self.database.execute(
            f"SELECT song, valence, arousal FROM json_each(?) AS run JOIN {table} ON"  # noqa: S608 - ours
            " cell BETWEEN json_extract(run.value, '$[0]') AND json_extract(run.value, '$[1]')"
            " WHERE ? OR NOT explicit"
            f" ORDER BY (valence - ?) * (valence - ?) + {AROUSAL_COUNTS} * (arousal - ?) * (arousal - ?), song",
            (json.dumps(window.runs()), explicit, valence, valence, arousal, arousal),
        )
        left: list[Track] = []
        while (lacking := each - len(left)) and (some := spots.fetchmany(lacking)):
            # only the near are looked up, not all that was ever played
            left += [track for track in self._songs(some) if track.track_id not in without]
        if window.whole or (len(left) == each and apart(left[-1].place, window.place) <= window.sure):
            return left
        return None

    def _songs(self, spots: Sequence[Spot]) -> list[Track]:
        """The songs of these numbers, in their order."""
        rows = self.database.execute(
            "SELECT song.id, title, artist, spotify_id, resolution.uri, year, genre, valence, energy, tempo, song.key,"
            " isrc, explicit, danceability, acousticness, EXISTS (SELECT 1 FROM library WHERE song = song.id)"
            " FROM json_each(?) JOIN song ON song.id = json_each.value LEFT JOIN resolution USING (key)",
            (json.dumps([song for song, _, _ in spots]),),
        )
        found = {row[0]: row for row in rows}
        return [_track(found[song], (valence, arousal)) for song, valence, arousal in spots]


def join_library(database: sqlite3.Connection) -> None:
    """Find the features of the library's songs: by Spotify's id, then ISRC, then title and artist."""
    database.execute(
        "UPDATE library SET song = coalesce("
        " (SELECT min(id) FROM song WHERE song.spotify_id = library.spotify_id),"
        " (SELECT min(id) FROM song WHERE song.isrc = library.isrc),"
        " (SELECT id FROM song WHERE song.key = library.key))"
    )
    # a song that was found by its names can now be played
    database.execute(
        "UPDATE song SET spotify_id = (SELECT min(spotify_id) FROM library WHERE song = song.id)"
        " WHERE spotify_id IS NULL AND id IN (SELECT song FROM library)"
    )
    database.execute("UPDATE library SET cell = NULL, valence = NULL, arousal = NULL, explicit = NULL")
    database.execute(
        "UPDATE library SET (cell, valence, arousal, explicit)"
        " = (spot.cell, spot.valence, spot.arousal, spot.explicit) FROM spot WHERE spot.song = library.song"
    )


def starter() -> list[Track]:
    """Well-known songs, placed by hand and ear; no streaming service's values are among them."""
    text = (files("mien") / "data" / "starter.csv").read_text(encoding="utf-8")
    return [
        Track(
            title=row["title"],
            artist=row["artist"],
            uri=None,
            year=int(row["year"]),
            language=row["language"],
            genre=row["genre"],
            valence=float(row["valence"]),
            energy=float(row["energy"]),
            tempo=float(row["tempo"]),
            place=_by_hand(float(row["valence"]), float(row["energy"]), float(row["tempo"])),
            track_id=song_key.song_key(row["title"], row["artist"]),
        )
        for row in csv.DictReader(text.splitlines())
    ]


def _by_hand(valence: float, energy: float, tempo: float) -> Place:
    """Energy with a touch of tempo is arousal; what was placed by ear needs no correction."""
    pace = min(1.0, max(0.0, (tempo - 60) / 120))
    return 2 * valence - 1, 2 * (0.9 * energy + 0.1 * pace) - 1


def _track(row: tuple[Any, ...], place: Place) -> Track:
    _, title, artist, spotify_id, found, year, genre, valence, energy, tempo, key, *rest = row
    isrc, explicit, danceability, acousticness, in_library = rest
    return Track(
        title=title,
        artist=artist,
        uri=f"spotify:track:{spotify_id}" if spotify_id else found,
        year=year,
        language="",
        genre=genre or "",
        valence=valence,
        energy=energy,
        tempo=tempo,
        place=place,
        track_id=key,
        isrc=isrc,
        explicit=bool(explicit),
        in_library=bool(in_library),
        danceability=danceability,
        acousticness=acousticness,
    )
