"""The catalogue's tables, and the migration of older files."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from mien.errors import InputError

FEATURES = (
    "valence",
    "energy",
    "danceability",
    "acousticness",
    "tempo",
    "loudness",
    "mode",
    "instrumentalness",
    "speechiness",
    "liveness",
)
"""Numbers that describe the sound of a song, in the units of the usual tables."""

_MIGRATIONS = (
    """
    CREATE TABLE song (
        id INTEGER PRIMARY KEY,
        key TEXT NOT NULL UNIQUE,  -- song_key.song_key
        spotify_id TEXT, isrc TEXT,
        title TEXT NOT NULL, artist TEXT NOT NULL,
        valence REAL NOT NULL, energy REAL NOT NULL,
        danceability REAL, acousticness REAL, tempo REAL, loudness REAL, mode REAL,
        instrumentalness REAL, speechiness REAL, liveness REAL,
        popularity REAL, explicit INTEGER NOT NULL DEFAULT 0, genre TEXT, year INTEGER
    );
    CREATE INDEX song_spotify ON song (spotify_id) WHERE spotify_id IS NOT NULL;
    CREATE INDEX song_isrc ON song (isrc) WHERE isrc IS NOT NULL;

    -- the place of each song, in the order of the plane: near songs are near on disk
    CREATE TABLE spot (
        cell INTEGER NOT NULL, song INTEGER NOT NULL,
        valence REAL NOT NULL, arousal REAL NOT NULL, explicit INTEGER NOT NULL,
        PRIMARY KEY (cell, song)
    ) WITHOUT ROWID;
    CREATE INDEX spot_song ON spot (song);

    -- the user's own songs, whose last columns are empty until the song has features
    CREATE TABLE library (
        spotify_id TEXT PRIMARY KEY, isrc TEXT, key TEXT NOT NULL, title TEXT NOT NULL, artist TEXT NOT NULL,
        song INTEGER, cell INTEGER, valence REAL, arousal REAL, explicit INTEGER
    ) WITHOUT ROWID;
    CREATE INDEX library_cell ON library (cell) WHERE cell IS NOT NULL;
    CREATE INDEX library_song ON library (song) WHERE song IS NOT NULL;

    CREATE TABLE play (at REAL NOT NULL, key TEXT NOT NULL, artist TEXT NOT NULL, probabilities TEXT NOT NULL);
    CREATE INDEX play_at ON play (at);

    CREATE TABLE feedback (
        at REAL NOT NULL, key TEXT NOT NULL, artist TEXT NOT NULL, title TEXT NOT NULL,
        valence REAL NOT NULL, arousal REAL NOT NULL, probabilities TEXT NOT NULL, heard REAL NOT NULL
    );
    CREATE INDEX feedback_at ON feedback (at);

    CREATE TABLE resolution (key TEXT PRIMARY KEY, uri TEXT, at REAL NOT NULL) WITHOUT ROWID;

    CREATE TABLE imported (
        at REAL NOT NULL, file TEXT NOT NULL, taken INTEGER NOT NULL, merged INTEGER NOT NULL, refused INTEGER NOT NULL
    );
    """,
)


class Database(sqlite3.Connection):
    """A connection whose errors are InputErrors with a sentence for people."""

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        """Execute a statement. Raises InputError where sqlite3 would raise."""
        try:
            return super().execute(sql, parameters)
        except sqlite3.Error as error:
            raise to_input_error(error) from error

    def executemany(self, sql: str, parameters: Any, /) -> sqlite3.Cursor:
        """Execute a statement for each of many parameters, as `execute`."""
        try:
            return super().executemany(sql, parameters)
        except sqlite3.Error as error:
            raise to_input_error(error) from error


def connect(path: Path) -> Database:
    """Open a catalogue file, made with mode 0600 and migrated where need be. Raises InputError."""
    try:
        path.touch(mode=0o600, exist_ok=True)
        # autocommit: every write of more than one statement opens its own transaction
        database = sqlite3.connect(path, timeout=10, isolation_level=None, factory=Database)
    except OSError as error:
        raise InputError(f"The catalogue {path} cannot be opened: {error.strerror}.") from None
    except sqlite3.Error as error:
        raise to_input_error(error) from error
    try:
        database.execute("PRAGMA journal_mode = WAL")  # the daemon reads while an import writes
        database.execute("PRAGMA synchronous = NORMAL")
        database.execute("PRAGMA cache_size = -8000")  # KiB: constant memory for any catalogue
        _migrate(database, path)
    except InputError:
        database.close()
        raise
    return database


def to_input_error(error: sqlite3.Error) -> InputError:
    """Return an error of SQLite as a sentence with what to do."""
    text = str(error)
    if "locked" in text:
        return InputError("The catalogue is being written by another mien: try again when that is done.")
    if "full" in text:
        return InputError("The disk is full: make room and try again. The catalogue is as it was.")
    if "readonly" in text:
        return InputError("The catalogue may not be written by this user: run mien as the user that owns it.")
    if "malformed" in text or "not a database" in text:
        return InputError("The catalogue is damaged: move music.sqlite out of the state directory and import again.")
    return InputError(f"The catalogue cannot be used: {text}.")


def _migrate(database: Database, path: Path) -> None:
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if version > len(_MIGRATIONS):
        raise InputError(f"The catalogue {path} was written by a newer mien: update mien.")
    if version == len(_MIGRATIONS):
        return
    database.execute("BEGIN IMMEDIATE")
    # another process may have migrated while this one waited
    for number in range(database.execute("PRAGMA user_version").fetchone()[0], len(_MIGRATIONS)):
        for statement in _MIGRATIONS[number].split(";"):  # so no semicolon in their comments
            database.execute(statement)
        database.execute(f"PRAGMA user_version = {number + 1}")
    database.execute("COMMIT")
