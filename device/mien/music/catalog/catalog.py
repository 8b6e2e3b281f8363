"""The songs to choose from, the plays and the feedback: one SQLite file."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import msgspec

from mien.music.catalog import schema, song_key
from mien.music.catalog.plane import AROUSAL_WEIGHT, GRID, CellWindow, Place, squared_distance
from mien.music.catalog.records import CatalogSummary, Feedback, LibraryReport, LibrarySong, Play, Resolution, Track
from mien.state import state_directory

Spot = tuple[int, float, float]
"""A song's id in its file, valence and arousal."""

_PROBABILITIES = msgspec.json.Decoder(tuple[float, ...])


def default_path() -> Path:
    """Return the path of the user's catalogue, whether or not it exists yet."""
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
        """Return the number of songs with features."""
        return int(self.database.execute("SELECT count(*) FROM song").fetchone()[0])

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Commit everything that is written inside, or nothing."""
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
        """Return the `each` songs nearest to every place, or as many as there are, without some track_ids."""
        return self._nearest("spot", places, each, explicit=explicit, without=without)

    def library(
        self, places: Sequence[Place], each: int, *, explicit: bool = True, without: Collection[str] = ()
    ) -> list[Track]:
        """Return the nearest of the user's own songs, as `candidates`."""
        return self._nearest("library", places, each, explicit=explicit, without=without)

    def find(self, text: str, limit: int = 10) -> list[Track]:
        """Return songs whose artist and title contain the words, in any spelling; the shortest first."""
        terms = song_key.normalize(text).split()
        if not terms:
            return []
        where = " AND ".join("song.key LIKE ?" for _ in terms)
        sql = (
            f"SELECT song.id, spot.valence, arousal FROM song JOIN spot ON spot.song = song.id WHERE {where}"  # noqa: S608 - without the words
            " ORDER BY length(song.key), song.key LIMIT ?"
        )
        rows = self.database.execute(sql, (*(f"%{term}%" for term in terms), limit))
        return self._songs(rows.fetchall())

    def record_play(self, track: Track, probabilities: Sequence[float], at: float) -> None:
        """Record that a song was played under a mood, at seconds since 1970."""
        self.database.execute(
            "INSERT INTO play (at, key, artist, probabilities) VALUES (?, ?, ?, ?)",
            (at, track.track_id, track.artist_key, json.dumps(list(probabilities))),
        )

    def record_feedback(self, track: Track, probabilities: Sequence[float], heard_share: float, at: float) -> None:
        """Record how much of a song was heard under a mood: 0 (skipped at once) to 1 (to its end)."""
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
        """Return the track_ids of the songs played since then (seconds since 1970)."""
        return {key for (key,) in self.database.execute("SELECT key FROM play WHERE at >= ?", (since,))}

    def artists_played(self, since: float) -> set[str]:
        """Return the artist keys of the songs played since then (seconds since 1970)."""
        return {artist for (artist,) in self.database.execute("SELECT artist FROM play WHERE at >= ?", (since,))}

    def recent(self, since: float) -> list[Play]:
        """Return the plays since then (seconds since 1970), the latest first."""
        rows = self.database.execute("SELECT key, artist, at FROM play WHERE at >= ? ORDER BY at DESC", (since,))
        return [Play._make(row) for row in rows]

    def feedback(self, limit: int = 200) -> list[Feedback]:
        """Return the last feedback, the latest first."""
        rows = self.database.execute(
            "SELECT key, artist, title, valence, arousal, probabilities, heard, at FROM feedback"
            " ORDER BY at DESC LIMIT ?",
            (limit,),
        )
        return [
            Feedback(key, artist, title, (v, a), _PROBABILITIES.decode(probabilities), heard, at)
            for key, artist, title, v, a, probabilities, heard, at in rows
        ]

    def count_feedback(self) -> int:
        """Return the number of judgements."""
        return int(self.database.execute("SELECT count(*) FROM feedback").fetchone()[0])

    def reset(self) -> None:
        """Delete plays and feedback; songs and library stay."""
        with self.writing():
            self.database.execute("DELETE FROM play")
            self.database.execute("DELETE FROM feedback")

    def cache_resolution(self, track: Track, uri: str | None, at: float) -> None:
        """Cache the result of a search for the song; None where there was no match."""
        self.database.execute("INSERT OR REPLACE INTO resolution VALUES (?, ?, ?)", (track.track_id, uri, at))

    def resolution(self, track: Track) -> Resolution | None:
        """Return the result of the last search for the song; None where it was never searched."""
        row = self.database.execute("SELECT uri, at FROM resolution WHERE key = ?", (track.track_id,)).fetchone()
        return Resolution(*row) if row else None

    def merge_library(self, songs: Iterable[LibrarySong]) -> LibraryReport:
        """Replace the user's library by these songs, joined to the features by id, ISRC or names."""
        # all of them first: they may come over a network, while other processes write
        rows = [(s.spotify_id, s.isrc, song_key.song_key(s.title, s.artist), s.title, s.artist) for s in songs]
        with self.writing():
            self.database.execute("DELETE FROM library")
            self.database.executemany(
                "INSERT OR REPLACE INTO library (spotify_id, isrc, key, title, artist) VALUES (?, ?, ?, ?, ?)", rows
            )
            join_library(self.database)
        row = self.database.execute("SELECT count(*), count(arousal) FROM library").fetchone()
        return LibraryReport(*row)

    def summary(self) -> CatalogSummary:
        """Count what is in the file."""
        query = self.database.execute
        features = ", ".join(f"count({name})" for name in schema.FEATURES)
        songs, spotify_ids, isrcs, explicit, *with_feature = query(
            f"SELECT count(*), count(spotify_id), count(isrc), coalesce(sum(explicit), 0), {features} FROM song"  # noqa: S608 - our own names
        ).fetchone()
        (artists,) = query("SELECT count(DISTINCT substr(key, 1, instr(key, char(9)))) FROM song").fetchone()
        library, joined = query("SELECT count(*), count(arousal) FROM library").fetchone()
        (plays,) = query("SELECT count(*) FROM play").fetchone()
        last_import = query("SELECT file FROM imported ORDER BY at DESC LIMIT 1").fetchone()
        return CatalogSummary(
            songs=songs,
            artists=artists,
            with_spotify_id=spotify_ids,
            with_isrc=isrcs,
            explicit=explicit,
            library=library,
            library_with_features=joined,
            features={name: n / max(1, songs) for name, n in zip(schema.FEATURES, with_feature, strict=True)},
            plays=plays,
            judgements=self.count_feedback(),
            last_import=last_import[0] if last_import else None,
        )

    def cell_counts(self) -> dict[tuple[int, int], int]:
        """Return {(column, row): songs} of the cells of the grid that have songs."""
        rows = self.database.execute("SELECT cell, count(*) FROM spot GROUP BY cell")
        return {(cell % GRID, cell // GRID): count for cell, count in rows}

    def _nearest(
        self, table: str, places: Sequence[Place], each: int, *, explicit: bool, without: Collection[str]
    ) -> list[Track]:
        """Return the nearest songs of one of the two tables that have cells."""
        # about how many songs it has: to count the catalogue's exactly would take longer than all the rest
        about = "SELECT count(*) FROM library" if table == "library" else "SELECT max(id) FROM song"
        songs = self.database.execute(about).fetchone()[0] or 0
        nearest: dict[str, Track] = {}
        for place in places if songs else ():
            reach = math.ceil(GRID / 2 * math.sqrt(2 * each / songs))
            tracks = None
            while tracks is None:
                tracks = self._within(table, CellWindow.centered_at(place, reach), each, explicit, without)
                reach *= 2
            nearest.update((track.track_id, track) for track in tracks)
        return list(nearest.values())

    def _within(
        self, table: str, window: CellWindow, each: int, explicit: bool, without: Collection[str]
    ) -> list[Track] | None:
        """Return the `each` songs nearest to the window's place; None if nearer ones may be outside of the window."""
        valence, arousal = window.place
        spots = self.database.execute(
            f"SELECT song, valence, arousal FROM json_each(?) AS run JOIN {table} ON"  # noqa: S608 - our own names
            " cell BETWEEN json_extract(run.value, '$[0]') AND json_extract(run.value, '$[1]')"
            " WHERE ? OR NOT explicit"
            f" ORDER BY (valence - ?) * (valence - ?) + {AROUSAL_WEIGHT} * (arousal - ?) * (arousal - ?), song",
            (json.dumps(window.runs()), explicit, valence, valence, arousal, arousal),
        )
        left: list[Track] = []
        while (missing := each - len(left)) and (batch := spots.fetchmany(missing)):
            # only near songs are checked against `without`, not every song that was played
            left += [track for track in self._songs(batch) if track.track_id not in without]
        if window.covers_grid:
            return left
        if len(left) == each and squared_distance(left[-1].place, window.place) <= window.inner_squared_distance:
            return left
        return None

    def _songs(self, spots: Sequence[Spot]) -> list[Track]:
        """Return the songs of these ids, in their order."""
        rows = self.database.execute(
            "SELECT song.id, title, artist, spotify_id, resolution.uri, year, genre, valence, energy, tempo, song.key,"
            " isrc, explicit, danceability, acousticness, EXISTS (SELECT 1 FROM library WHERE song = song.id)"
            " FROM json_each(?) JOIN song ON song.id = json_each.value LEFT JOIN resolution USING (key)",
            (json.dumps([song for song, _, _ in spots]),),
        )
        by_id = {row[0]: row for row in rows}
        return [_track(by_id[song], (valence, arousal)) for song, valence, arousal in spots]


def join_library(database: sqlite3.Connection) -> None:
    """Join the library's songs to their features: by Spotify's id, then ISRC, then title and artist."""
    database.execute(
        "UPDATE library SET song = coalesce("
        " (SELECT min(id) FROM song WHERE song.spotify_id = library.spotify_id),"
        " (SELECT min(id) FROM song WHERE song.isrc = library.isrc),"
        " (SELECT id FROM song WHERE song.key = library.key))"
    )
    # a song that was joined by its names can now be played
    database.execute(
        "UPDATE song SET spotify_id = (SELECT min(spotify_id) FROM library WHERE song = song.id)"
        " WHERE spotify_id IS NULL AND id IN (SELECT song FROM library)"
    )
    database.execute("UPDATE library SET cell = NULL, valence = NULL, arousal = NULL, explicit = NULL")
    database.execute(
        "UPDATE library SET (cell, valence, arousal, explicit)"
        " = (spot.cell, spot.valence, spot.arousal, spot.explicit) FROM spot WHERE spot.song = library.song"
    )


def _track(row: tuple[Any, ...], place: Place) -> Track:
    _, title, artist, spotify_id, resolved_uri, year, genre, valence, energy, tempo, key, *rest = row
    isrc, explicit, danceability, acousticness, in_library = rest
    return Track(
        title=title,
        artist=artist,
        uri=f"spotify:track:{spotify_id}" if spotify_id else resolved_uri,
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
