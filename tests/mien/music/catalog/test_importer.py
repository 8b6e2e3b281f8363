"""Imports: rows that become songs or merge, and one that is killed."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from mien.music.catalog.catalog import Catalog
from mien.music.catalog.importer import ImportReport, import_table
from mien.music.recommend.query import select_songs
from tests.fakes.song_tables import HAPPY, HEADING, ID, ImportTable, song, table


def test_a_row_becomes_a_song(catalog: Catalog, take: ImportTable) -> None:
    """Every column arrives, whatever it is called, and the account is right."""
    report = take(f"{HEADING}\n{ID},Être,\"['Zoé', 'B']\",USRC17607839,0.5,0.25,120.5,True,pop,1999-05-01\n")
    assert report == ImportReport(1, 0, {})
    imported = song(catalog, "zoe etre")
    assert (imported.title, imported.artist, imported.year, imported.genre) == ("Être", "Zoé, B", 1999, "pop")
    assert (imported.uri, imported.isrc, imported.explicit) == (f"spotify:track:{ID}", "USRC17607839", True)
    assert (imported.valence, imported.energy, imported.tempo) == (0.5, 0.25, 120.5)


def test_rows_of_one_song_merge(catalog: Catalog, take: ImportTable) -> None:
    """The same id, ISRC, or title and first artist is one song, the latest features win, and Live is another song."""
    take(f"{HEADING}\n{ID},One,A,,0.1,0.1,,,,\n,Two,A,USRC17607839,0.1,0.1,,,,\n,Three,A,,0.1,0.1,,,,")
    report = take(
        f"{HEADING}\n{ID},One (Deluxe Edition),A,,0.9,0.1,,,,\n,Zwei,A,USRC17607839,0.9,0.1,,,,\n"
        ',"THREE - Remastered 2011","A, B",,0.9,0.1,,,,\n,Three - Live,A,,0.5,0.5,,,,\n,Three - Live,A,,0.6,0.5,,,,'
    )
    assert (report.taken, report.merged, len(catalog)) == (5, 4, 4)
    assert {t.valence for t in catalog.find("a") if "Live" not in t.title} == {0.9}
    assert song(catalog, "three live").valence == 0.6


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
