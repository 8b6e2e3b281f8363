"""The catalogue file: imports of fair and foul tables, the library, history, and what survives a kill."""

from __future__ import annotations

import csv
import math
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from mien.errors import InputError
from mien.expression import Expression
from mien.music.catalog import song_key, table_reader
from mien.music.catalog.catalog import Catalog, LibrarySong, Track, starter
from mien.music.catalog.importer import ImportReport, import_table
from mien.music.catalog.plane import MAX_REACH, squared_distance
from mien.music.catalog.schema import FEATURES, connect
from mien.music.recommend.query import WINDOW, select_songs

HAPPY = tuple(float(e == Expression.HAPPY) for e in Expression)
HEADING = "track_id,track_name,artists,isrc,valence,energy,tempo,explicit,track_genre,release_date"
ID = "4uLU6hMCjMI75M1A2tKUQC"


@pytest.fixture
def take(catalog: Catalog, tmp_path: Path) -> Callable[[str | bytes], ImportReport]:
    """Import a table given as its text or bytes."""

    def imported(content: str | bytes) -> ImportReport:
        path = tmp_path / "table.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return import_table(catalog, path, lambda _what, _share: None, now=0.0)

    return imported


Take = Callable[[str | bytes], ImportReport]


def song(catalog: Catalog, words: str) -> Track:
    [found] = catalog.find(words)
    return found


def table(count: int, start: int = 0) -> str:
    rows = (
        f",Song {n},Artist {n % 50},,{n * 7919 % 1000 / 999:.3f},{n * 104729 % 1000 / 999:.3f},{60 + n % 120},0,,2001"
        for n in range(start, start + count)
    )
    return "\n".join([HEADING, *rows])


def test_a_row_becomes_a_song(catalog: Catalog, take: Take) -> None:
    """Every column arrives, whatever it is called, and the account is right."""
    report = take(f"{HEADING}\n{ID},Être,\"['Zoé', 'B']\",USRC17607839,0.5,0.25,120.5,True,pop,1999-05-01\n")
    assert report == ImportReport(1, 0, {})
    found = song(catalog, "zoe etre")
    assert (found.title, found.artist, found.year, found.genre) == ("Être", "Zoé, B", 1999, "pop")
    assert (found.uri, found.isrc, found.explicit) == (f"spotify:track:{ID}", "USRC17607839", True)
    assert (found.valence, found.energy, found.tempo) == (0.5, 0.25, 120.5)


@pytest.mark.parametrize(
    ("heading", "row"),
    [
        ("uri;name;artist;valence_%;energy_%", f"spotify:track:{ID};Song;A;50;25"),
        (
            "Track Name\tArtist Name(s)\tTrack URI\tValence\tEnergy",
            f"Song\tA\thttps://open.spotify.com/track/{ID}\t.5\t.25",
        ),
        ("id|title|artist_name|Energy|VALENCE", f"{ID}|Song|A|0.25|0.5"),
    ],
)
def test_usual_headings(catalog: Catalog, take: Take, heading: str, row: str) -> None:
    """Other names, delimiters, percentages and forms of Spotify's ids mean the same."""
    assert take(f"{heading}\r\n{row}\r\n").taken == 1
    found = song(catalog, "song")
    assert (found.uri, found.valence, found.energy) == (f"spotify:track:{ID}", 0.5, 0.25)


def test_parquet(catalog: Catalog, tmp_path: Path) -> None:
    """A Parquet table imports as its CSV would, lists of artists and all."""
    path = tmp_path / "table.parquet"
    columns = {"track_id": [ID, None], "name": ["A", "B"], "artists": [["X", "Y"], ["Z"]], "valence": [0.5, math.nan]}
    parquet.write_table(pa.table({**columns, "energy": [0.25, 0.5], "explicit": [True, False]}), path)
    report = import_table(catalog, path, lambda _what, _share: None, now=0.0)
    assert (report.taken, sum(report.refused.values())) == (1, 1)
    assert song(catalog, "x a").artist == "X, Y"
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(InputError, match="not valid Parquet"):
        import_table(catalog, path, lambda _what, _share: None, now=0.0)
    assert len(catalog) == 1


def test_rows_of_one_song_merge(catalog: Catalog, take: Take) -> None:
    """The same id, ISRC, or title and first artist is one song, the latest features win, and Live is another song."""
    take(f"{HEADING}\n{ID},One,A,,0.1,0.1,,,,\n,Two,A,USRC17607839,0.1,0.1,,,,\n,Three,A,,0.1,0.1,,,,")
    report = take(
        f"{HEADING}\n{ID},One (Deluxe Edition),A,,0.9,0.1,,,,\n,Zwei,A,USRC17607839,0.9,0.1,,,,\n"
        ',"THREE - Remastered 2011","A, B",,0.9,0.1,,,,\n,Three - Live,A,,0.5,0.5,,,,\n,Three - Live,A,,0.6,0.5,,,,'
    )
    assert (report.taken, report.merged, len(catalog)) == (5, 4, 4)
    assert {t.valence for t in catalog.find("a") if "Live" not in t.title} == {0.9}
    assert song(catalog, "three live").valence == 0.6


def test_places_are_percentiles(catalog: Catalog, take: Take) -> None:
    """However squeezed the raw values are, places spread over what features reach, in the order of the values."""
    rows = [f",Song {n},Artist {n},,{0.4 + n / 10000},{0.9 - n / 10000},120,0,," for n in range(400)]
    take("\n".join([HEADING, *rows]))
    tracks = sorted(catalog.candidates([(0, 0)], 1000), key=lambda t: t.valence)
    assert len(tracks) == 400
    assert tracks[0].place[0] < -0.9 * MAX_REACH
    assert tracks[-1].place[0] > 0.9 * MAX_REACH
    assert [t.place[0] for t in tracks] == sorted(t.place[0] for t in tracks)
    assert [t.place[1] for t in tracks] == sorted((t.place[1] for t in tracks), reverse=True)


@pytest.mark.parametrize(
    ("feature", "brighter", "livelier"),
    [
        ("valence", 1, 0),
        ("mode", 1, 0),
        ("tempo", 1, 1),
        ("danceability", 1, 1),
        ("energy", 0, 1),
        ("loudness", 0, 1),
        ("liveness", 0, 1),
        ("acousticness", 0, -1),
        ("instrumentalness", 0, -1),
        ("speechiness", 0, -1),
    ],
)
def test_every_feature_counts(catalog: Catalog, take: Take, feature: str, brighter: int, livelier: int) -> None:
    """More of one feature, all else equal, moves a song as is published; a song without it stands between."""
    low, high = {"mode": (0, 1), "tempo": (80, 160), "loudness": (-20, -5)}.get(feature, (0.2, 0.8))
    plain = dict.fromkeys(FEATURES, "") | {"valence": "0.5", "energy": "0.5"}
    rows = [plain | {feature: str(value)} for value in [low] * 9 + [high] * 9]
    if feature not in {"valence", "energy"}:  # without these two there is no song
        rows.append(plain)
    lines = (f"Song {n:02d},Artist {n}," + ",".join(row.values()) for n, row in enumerate(rows))
    take("\n".join([f"title,artist,{','.join(FEATURES)}", *lines]))
    places = [t.place for t in sorted(catalog.candidates([(0, 0)], 100), key=lambda t: t.title)]
    assert np.sign(np.subtract(places[9], places[0])).tolist() == [brighter, livelier]
    for side in (0, 1):
        ends = sorted((places[0][side], places[9][side]))
        assert all(ends[0] <= place[side] <= ends[1] for place in places[18:])


@pytest.mark.parametrize("seed", range(5))
def test_candidates_are_the_nearest(catalog: Catalog, take: Take, seed: int) -> None:
    """The grid finds what a search of everything finds, in its order, anywhere on the plane and of any number."""
    dice = Random(seed)
    take(table(1000))
    everything = catalog.candidates([(0, 0)], 5000)
    assert len(everything) == 1000
    for _ in range(20):
        place, each = (dice.uniform(-1, 1), dice.uniform(-1, 1)), dice.randrange(1, 200)
        everything.sort(key=lambda t: squared_distance(t.place, place))
        found = catalog.candidates([place], each)
        distances = [squared_distance(t.place, place) for t in everything[:each]]
        assert [squared_distance(t.place, place) for t in found] == pytest.approx(distances)


def test_candidates_without_the_nearest_are_the_next(catalog: Catalog, take: Take) -> None:
    """A listener who has heard all that is near gets as many songs from further out, and all others at the very end."""
    take(table(1000))
    heard = {t.track_id for t in catalog.candidates([(0.2, 0.2)], 300)}
    assert len(heard) == 300
    left = {t.track_id for t in catalog.candidates([(0.2, 0.2)], 50, without=heard)}
    assert len(left) == 50
    assert not left & heard
    assert len(catalog.candidates([(0.2, 0.2)], 5000, without=heard)) == 700


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(500), "neither CSV nor Parquet"),
        (b"PAR1" + bytes(100), "not valid Parquet"),
        (b"", "empty"),
        (b"a,b,c\n1,2,3\n", "no column for title and artist and valence and energy"),
        (b"name,artists,energy\nx,y,0.5\n", "no column for valence"),
        (f"{HEADING}\n".encode(), "no rows"),
        (f"{HEADING}\n,,,,,,,,,\n".encode(), "no title or no artist"),
        (f"{HEADING}\n,A,B,,nan,inf,,,,\n,C,D,,7,-1,,,,".encode(), "valence or energy"),
        (b"x" * (3 << 20), "no column"),
        (bytes(5000), "neither CSV nor Parquet"),
    ],
)
def test_what_is_no_table_is_refused(catalog: Catalog, take: Take, content: bytes, said: str) -> None:
    """One sentence that says why, and the catalogue as it was."""
    take(table(10))
    before = {t.track_id: t.place for t in catalog.candidates([(0, 0)], 100)}
    with pytest.raises(InputError, match=said):
        take(content)
    assert {t.track_id: t.place for t in catalog.candidates([(0, 0)], 100)} == before


@pytest.mark.parametrize(
    ("row", "taken"),
    [
        (b",Caf\xe9,B,,0.5,0.5,,,,", 1),  # Windows-1252
        (b",A\x00,B,,0.5,0.5,,,,", 0),
        (b",A" * (1 << 20), 0),
        (b",=HYPERLINK(1),B,,0.5,0.5,,,,", 1),
        (b",A,B,,0.5,0.5,nan,maybe,,the year of the cat", 1),
        (b",A,B,,1e400,0.5,,,,", 0),
        (b",A,B,,0.5", 0),
        (b",A,B,,0.5,0.5,,,,,,,,,,,", 1),
        (b"," + b"A" * 600 + b",B,,0.5,0.5,,,,", 0),
        (b',"A,B,,0.5,0.5,,,,', 0),
    ],
)
def test_what_is_sound_is_taken(catalog: Catalog, take: Take, row: bytes, taken: int) -> None:
    """A foul row costs only itself."""
    good = f"{HEADING}\n,Good,Artist,,0.5,0.5,,,,\n".encode()
    report = take(good + row + b"\n")
    assert report.taken == 1 + taken
    assert song(catalog, "good artist").valence == 0.5
    if row.startswith(b",Caf"):
        assert song(catalog, "cafe b").title == "Café"


def test_utf16(catalog: Catalog, take: Take) -> None:
    """What a spreadsheet saves as Unicode text imports."""
    assert take(f"{HEADING}\n,Grün,Ä,,0.5,0.5,,,,\n".replace(",", "\t").encode("utf-16")).taken == 1
    assert song(catalog, "grun").title == "Grün"


def test_titles_do_not_steer_terminals(catalog: Catalog, take: Take) -> None:
    """Escape sequences, bells and new lines of a table never reach the screen."""
    take(f'{HEADING}\n,"A\x1b[2J\x07\nz\u202e",B,,0.5,0.5,,,,\n')
    assert song(catalog, "a 2j").title.isprintable()


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=400))
def test_any_bytes_are_rows_or_a_sentence(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """No bytes, alone or below a heading, give anything but rows, refusals or an InputError."""
    path = tmp_path_factory.getbasetemp() / "bytes.csv"
    for head in (b"", HEADING.encode() + b"\n", b"PAR1"):
        path.write_bytes(head + content)
        tally = table_reader.ImportTally()
        try:
            rows = list(table_reader.read_rows(path, tally))
        except InputError:
            continue
        assert len(rows) == tally.taken


@settings(deadline=None)
@given(st.text(max_size=30), st.text(max_size=30))
def test_keys_hold_for_any_text(title: str, artist: str) -> None:
    """A key has one tab, and neither case nor a guest in brackets changes it."""
    key = song_key.song_key(title, artist)
    assert key.count("\t") == 1
    assert song_key.artist_of(key) == song_key.artist_key(artist)
    assert song_key.song_key("Name (feat. Somebody)", "The Artist") == song_key.song_key("NAME", "the artist")


def test_a_killed_import_leaves_the_catalogue_whole(tmp_path: Path) -> None:
    """SIGKILL while the import merges: the next one who opens the file finds the old songs, and can import."""
    path, first, second = tmp_path / "music.sqlite", tmp_path / "first.csv", tmp_path / "second.csv"
    first.write_text(table(200))
    second.write_text(table(12_000, start=1000))
    with Catalog(path) as catalog:
        import_table(catalog, first, lambda _what, _share: None, now=0.0)
        before = {t.track_id: t.place for t in catalog.candidates([(0, 0)], 1000)}
    program = (
        "import sys, time; from pathlib import Path; from mien.music.catalog.catalog import Catalog;"
        "from mien.music.catalog.importer import import_table\n"
        "def progress(what, share):\n"
        "    if what == 'placing' and share > 0.5: print(what, flush=True); time.sleep(60)\n"
        "import_table(Catalog(Path(sys.argv[1])), Path(sys.argv[2]), progress, 0.0)"
    )
    child = subprocess.Popen([sys.executable, "-c", program, path, second], stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"placing\n"
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    with Catalog(path) as catalog:
        assert {t.track_id: t.place for t in catalog.candidates([(0, 0)], 1000)} == before
        assert catalog.database.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert import_table(catalog, second, lambda _what, _share: None, now=0.0).taken == 12_000
        assert len(catalog) == 12_200


def test_one_writer(catalog: Catalog, take: Take) -> None:
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
    """A file that is no catalogue, one of a newer mien, and a folder say what they are."""
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


def test_the_library_joins_its_features(catalog: Catalog, take: Take) -> None:
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
    """What is recorded is there after the file is closed; reset forgets history and feedback, not resolutions."""
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
        found, nothing = again.resolution(one), again.resolution(two)
        assert found is not None
        assert (found.uri, found.at) == ("spotify:track:x", 160.0)
        assert nothing is not None
        assert nothing.uri is None
        assert again.resolution(starter()[3]) is None
        again.reset()
        assert not again.recent(0.0)
        assert not again.feedback()
        assert again.resolution(one) == found


def test_selected_songs_do_not_return_for_days(catalog: Catalog, take: Take) -> None:
    """Played songs stay away for the window and may come again after it; the starter list fills a small catalogue."""
    take(table(30))
    played, now = set[str](), 1e9
    for hour in range(40):
        [choice] = select_songs(catalog, HAPPY, 1, now=now + 3600 * hour, seed=hour)
        assert choice.track.track_id not in played
        played.add(choice.track.track_id)
        catalog.record_play(choice.track, HAPPY, now + 3600 * hour)
    assert any(t.language for t in starter() if t.track_id in played)
    late = {c.track.track_id for c in select_songs(catalog, HAPPY, 30, now=now + 40 * 3600 + WINDOW)}
    assert late & played
    assert not select_songs(catalog, HAPPY, 5, now=now, sources=["library"])


def test_explicit_songs_can_be_left_out(catalog: Catalog, take: Take) -> None:
    """The filter holds in the catalogue and for one's own songs."""
    take(f"{HEADING}\n{ID},Clean,A,,0.5,0.5,,0,,\n,Dirty,B,,0.5,0.5,,1,,\n")
    catalog.merge_library([LibrarySong("2" * 22, None, "Dirty", "B")])
    chosen = select_songs(catalog, HAPPY, 5, now=0.0, explicit=False, sources=["library", "catalogue"])
    assert [c.track.title for c in chosen] == ["Clean"]


def test_the_shared_tables_import(catalog: Catalog, shared: Path) -> None:
    """Real tables: every row is accounted for, and lists come from them."""
    for name in ("tracks_2023_real_ids.csv", "tracks_26k_placeholder_ids.csv"):
        path = shared / "music" / name
        began = time.monotonic()
        report = import_table(catalog, path, lambda _what, _share: None, now=0.0)
        with path.open(encoding="utf-8", newline="") as file:
            assert report.taken + sum(report.refused.values()) == sum(1 for _ in csv.reader(file)) - 1
        assert time.monotonic() - began < 60
    chosen = select_songs(catalog, HAPPY, 20, now=0.0)
    assert len({c.track.artist_key for c in chosen}) >= 10
    assert all(c.track.place[0] > 0 for c in chosen)


def test_a_sync_that_breaks_off_keeps_the_library(catalog: Catalog) -> None:
    """An error between two pages leaves the library as it was."""
    catalog.merge_library([LibrarySong(ID, None, "One", "A")])

    def broken() -> Iterator[LibrarySong]:
        yield LibrarySong("y" * 22, None, "Two", "A")
        raise InputError("offline")

    with pytest.raises(InputError, match="offline"):
        catalog.merge_library(broken())
    assert catalog.database.execute("SELECT title FROM library").fetchall() == [("One",)]
