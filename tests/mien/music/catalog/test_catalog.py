"""The catalogue file: near songs, the library, history, and files that cannot be used."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from mien.errors import InputError
from mien.music.catalog.catalog import Catalog
from mien.music.catalog.plane import squared_distance
from mien.music.catalog.records import LibrarySong
from mien.music.catalog.schema import connect
from mien.music.catalog.starter import starter
from tests.fakes.song_tables import HAPPY, HEADING, ID, ImportTable, song, table


@pytest.mark.parametrize("seed", range(5))
def test_candidates_are_the_nearest(catalog: Catalog, take: ImportTable, seed: int) -> None:
    """The grid finds what a search of everything finds, in its order, anywhere on the plane and of any number."""
    rng = Random(seed)
    take(table(1000))
    everything = catalog.candidates([(0, 0)], 5000)
    assert len(everything) == 1000
    for _ in range(20):
        place, each = (rng.uniform(-1, 1), rng.uniform(-1, 1)), rng.randrange(1, 200)
        everything.sort(key=lambda t: squared_distance(t.place, place))
        nearest = catalog.candidates([place], each)
        distances = [squared_distance(t.place, place) for t in everything[:each]]
        assert [squared_distance(t.place, place) for t in nearest] == pytest.approx(distances)


def test_candidates_without_the_nearest_are_the_next(catalog: Catalog, take: ImportTable) -> None:
    """A listener who has heard all that is near gets as many songs from further out, and all others at the very end."""
    take(table(1000))
    heard = {t.track_id for t in catalog.candidates([(0.2, 0.2)], 300)}
    assert len(heard) == 300
    left = {t.track_id for t in catalog.candidates([(0.2, 0.2)], 50, without=heard)}
    assert len(left) == 50
    assert not left & heard
    assert len(catalog.candidates([(0.2, 0.2)], 5000, without=heard)) == 700


def test_one_writer(catalog: Catalog, take: ImportTable) -> None:
    """A second writer waits, then gives up with a sentence; a reader reads on."""
    take(table(50))
    other = Catalog(catalog.path)
    other.database.execute("PRAGMA busy_timeout = 50")
    with catalog.writing():
        catalog.database.execute("DELETE FROM song")
        assert len(other) == 50
        with pytest.raises(InputError, match="another mien"):
            other.record_play(starter()[0], HAPPY, 0.0)
    other.close()


def test_a_broken_file_is_one_sentence(tmp_path: Path) -> None:
    """A file that is not a catalogue, one of a newer mien, and a folder are each refused in one sentence."""
    path = tmp_path / "music.sqlite"
    path.write_bytes(b"no catalogue" * 1000)
    with pytest.raises(InputError, match="damaged"):
        Catalog(path)
    path.unlink()
    connect(path).close()
    assert path.stat().st_mode & 0o777 == 0o600
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 999")
    database.close()
    with pytest.raises(InputError, match="newer mien"):
        Catalog(path)
    with pytest.raises(InputError, match="cannot be"):
        Catalog(tmp_path)


def test_the_library_joins_its_features(catalog: Catalog, take: ImportTable) -> None:
    """Saved songs find their features by id, ISRC or names; the rest wait until a table brings them."""
    take(
        f"{HEADING}\n{ID},One,A,,0.1,0.1,,,,\n,Two,B,USRC17607839,0.1,0.1,,,,\n,Three,C,,0.1,0.1,,,,\n,Four,D,,0.1,0.1,,,,"
    )
    ids = ["1" * 22, "2" * 22, "3" * 22]
    mine = [
        LibrarySong(ID, None, "Another name", "Somebody"),
        LibrarySong(ids[0], "USRC17607839", "Zwei", "B"),
        LibrarySong(ids[1], None, "THREE", "C"),
        LibrarySong(ids[2], None, "Unheard of", "E"),
    ]
    report = catalog.merge_library(mine)
    assert (report.songs, report.joined) == (4, 3)
    assert {t.title for t in catalog.library([(0, 0)], 10)} == {"One", "Two", "Three"}
    assert song(catalog, "three").uri == f"spotify:track:{ids[1]}"
    assert song(catalog, "three").in_library
    assert not song(catalog, "four").in_library
    take(f"{HEADING}\n,Unheard of,E,,0.1,0.1,,,,\n")
    assert len(catalog.library([(0, 0)], 10)) == 4
    assert catalog.merge_library(mine[:1]).songs == 1
    assert not song(catalog, "three").in_library


def test_history_feedback_and_resolutions_are_kept(catalog: Catalog, tmp_path: Path) -> None:
    """What is recorded is there after the file is closed; reset deletes history and feedback, not resolutions."""
    one, two = starter()[:2]
    catalog.record_play(one, HAPPY, 100.0)
    catalog.record_play(two, HAPPY, 200.0)
    catalog.record_feedback(one, HAPPY, 7.0, 150.0)
    catalog.cache_resolution(one, "spotify:track:x", 160.0)
    catalog.cache_resolution(two, None, 160.0)
    catalog.close()
    with Catalog(tmp_path / "music.sqlite") as again:
        assert [play.track_id for play in again.recent(0.0)] == [two.track_id, one.track_id]
        assert [play.track_id for play in again.recent(150.0)] == [two.track_id]
        [judged] = again.feedback()
        assert (judged.track_id, judged.heard, judged.probabilities) == (one.track_id, 1.0, HAPPY)
        resolution, miss = again.resolution(one), again.resolution(two)
        assert resolution is not None
        assert (resolution.uri, resolution.at) == ("spotify:track:x", 160.0)
        assert miss is not None
        assert miss.uri is None
        assert again.resolution(starter()[3]) is None
        again.reset()
        assert not again.recent(0.0)
        assert not again.feedback()
        assert again.resolution(one) == resolution


def test_a_sync_that_breaks_off_keeps_the_library(catalog: Catalog) -> None:
    """An error between two pages leaves the library as it was."""
    catalog.merge_library([LibrarySong(ID, None, "One", "A")])

    def broken() -> Iterator[LibrarySong]:
        yield LibrarySong("y" * 22, None, "Two", "A")
        raise InputError("offline")

    with pytest.raises(InputError, match="offline"):
        catalog.merge_library(broken())
    assert catalog.database.execute("SELECT title FROM library").fetchall() == [("One",)]
