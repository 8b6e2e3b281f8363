"""Import a table of songs into the catalogue: all of it or nothing, in constant memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mien.music.catalog import placement, staging, table_reader
from mien.music.catalog.catalog import Catalog, join_library
from mien.music.catalog.placement import PLACEMENT_FEATURES, PlacementModel
from mien.music.catalog.plane import GRID, cell_of
from mien.music.catalog.row_parser import SongRow
from mien.music.catalog.schema import Database
from mien.music.catalog.staging import SONG_COLUMNS
from mien.music.catalog.table_reader import ImportTally

ProgressCallback = Callable[[str, float], None]
"""Takes the name of a step, and the share of it that is done, 0 to 1."""

_BATCH = 10_000


@dataclass(frozen=True, slots=True)
class ImportReport:
    """taken: rows that are songs. merged: those of them that were not new. refused: {reason: rows}.

    examples: {reason: the first row that was refused for it}.
    """

    taken: int
    merged: int
    refused: dict[str, int]
    examples: dict[str, str] = field(default_factory=dict)


def import_table(catalog: Catalog, path: Path, progress: ProgressCallback, now: float) -> ImportReport:
    """Add a table's songs, and place the whole catalogue again.

    Rows are the same song where their Spotify id, ISRC, or title and artist are the same; the latest row's features
    win. Until the very end the old catalogue stays in use, also if the process is killed. Raises InputError where the
    table has no song that can be used, or the catalogue cannot be written.
    """
    database, tally = catalog.database, ImportTally()
    database.execute("PRAGMA cache_size = -32768")
    staging.stage(database, _rows(path, tally, progress))
    staging.apply_scales(database, path, tally)
    with catalog.writing():
        before = len(catalog)
        progress("merging", 0.0)
        _merge(database)
        merged = tally.taken - (len(catalog) - before)
        _place(database, len(catalog), progress)
        join_library(database)
        database.execute(
            "INSERT INTO imported VALUES (?, ?, ?, ?, ?)", (now, path.name, tally.taken, merged, tally.refused.total())
        )
    database.execute("DROP TABLE temp.incoming")
    database.execute("PRAGMA cache_size = -8000")
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return ImportReport(tally.taken, merged, dict(tally.refused), tally.examples)


def _rows(path: Path, tally: ImportTally, progress: ProgressCallback) -> Iterator[SongRow]:
    for number, row in enumerate(table_reader.read_rows(path, tally)):
        if number % _BATCH == 0:
            progress("reading", tally.share)
        yield row


def _merge(database: Database) -> None:
    """Give rows of one id or ISRC one key, then merge by key, in the keys' order: an index grows fast at its end."""
    database.execute("CREATE INDEX temp.incoming_spotify ON incoming (spotify_id) WHERE spotify_id IS NOT NULL")
    database.execute("CREATE INDEX temp.incoming_isrc ON incoming (isrc) WHERE isrc IS NOT NULL")
    for name in ("spotify_id", "isrc"):
        database.execute(
            f"UPDATE temp.incoming SET key = first.key FROM (SELECT {name} AS same, key, min(id) FROM temp.incoming"  # noqa: S608 - our own names
            f" WHERE {name} IS NOT NULL GROUP BY {name} HAVING min(key) <> max(key)) AS first WHERE {name} = first.same"
        )
        database.execute(
            f"UPDATE temp.incoming SET key = song.key FROM song"  # noqa: S608 - our own names
            f" WHERE song.{name} = incoming.{name} AND song.key <> incoming.key"
        )
    rows = database.execute("SELECT name, sql FROM sqlite_master WHERE name IN ('song_spotify', 'song_isrc')")
    indexes = dict(rows.fetchall())
    for name in indexes:
        database.execute(f"DROP INDEX {name}")
    kept = {"key", "spotify_id", "title", "artist", "explicit"}
    newer = ", ".join(f"{name} = coalesce(excluded.{name}, {name})" for name in SONG_COLUMNS if name not in kept)
    columns = ", ".join(SONG_COLUMNS)
    database.execute(
        f"INSERT INTO song ({columns}) SELECT {columns} FROM temp.incoming ORDER BY key, id"  # noqa: S608 - our own names
        f" ON CONFLICT (key) DO UPDATE SET {newer}, spotify_id = coalesce(spotify_id, excluded.spotify_id),"
        " explicit = max(explicit, excluded.explicit)"
    )
    for sql in indexes.values():
        database.execute(sql)


def _place(database: Database, songs: int, progress: ProgressCallback) -> None:
    """Place every song, in three passes: the distribution of the features, that of their sums, and the places."""
    model = PlacementModel()
    for number, (_, chunk) in enumerate(_chunks(database)):
        progress("placing", number * _BATCH / songs / 3)
        model.fit_features(chunk)
    for number, (_, chunk) in enumerate(_chunks(database)):
        progress("placing", (1 + number * _BATCH / songs) / 3)
        model.fit_sums(chunk)
    database.execute("DROP TABLE IF EXISTS temp.placed")
    database.execute("CREATE TEMP TABLE placed (cell, song, valence, arousal, explicit)")
    for number, (keys, chunk) in enumerate(_chunks(database)):
        progress("placing", (2 + number * _BATCH / songs) / 3)
        database.executemany(
            "INSERT INTO temp.placed VALUES (?, ?, ?, ?, ?)",
            (
                (line * GRID + column, song, valence, arousal, explicit)
                for (song, explicit), (valence, arousal) in zip(keys, model.transform(chunk).tolist(), strict=True)
                for column, line in [cell_of((valence, arousal))]
            ),
        )
    index = database.execute("SELECT sql FROM sqlite_master WHERE name = 'spot_song'").fetchone()[0]
    database.execute("DROP INDEX spot_song")
    database.execute("DELETE FROM spot")
    database.execute("INSERT INTO spot SELECT cell, song, valence, arousal, explicit FROM placed ORDER BY cell, song")
    database.execute(index)
    database.execute("DROP TABLE temp.placed")


def _chunks(database: Database) -> Iterator[tuple[list[tuple[int, int]], dict[str, placement.Floats]]]:
    """Yield (id, explicit) and the features that determine a place, ten thousand songs at a time."""
    rows = database.execute(f"SELECT id, explicit, {', '.join(PLACEMENT_FEATURES)} FROM song")  # noqa: S608 - our own names
    while batch := rows.fetchmany(_BATCH):
        yield [row[:2] for row in batch], placement.to_chunk(row[2:] for row in batch)
