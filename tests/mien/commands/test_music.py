"""The `mien music` commands and `mien recommend` on the user's own catalogue."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from mien.expression import LABELS, Expression
from mien.music.catalog.catalog import Catalog, default_path
from mien.music.catalog.plane import MAX_REACH
from tests.conftest import Outcome

Mien = Callable[..., Outcome]
SAD = tuple(float(e == Expression.SAD) for e in Expression)
ROWS = "\n".join(
    ["id,name,artists,valence,energy,explicit"]
    + [f"{n},Song {n},Artist {n % 60},{n % 17 / 16},{n % 19 / 18},{int(n % 2)}" for n in range(300)]
    + ["300,,Nobody,0.5,0.5,0", "301,No numbers,Somebody,x,y,0"]
)


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "songs.csv"
    path.write_text(ROWS, encoding="utf-8")
    return path


def test_import_accounts_for_every_row(mien: Mien, table: Path) -> None:
    """Taken, merged and refused rows, with the reasons, on stdout; again, all of them merge."""
    outcome = mien("music", "import", table)
    assert outcome.code == 0
    assert "300 rows taken, 0 of them merged" in outcome.out
    assert "2 refused" in outcome.out
    assert "1 with no title or no artist" in outcome.out
    assert "300 of them merged" in mien("music", "import", table).out


def test_what_is_refused_is_shown_by_cause(mien: Mien, tmp_path: Path) -> None:
    """Each cause with its count and the first line; a table on two scales is refused with exit code 4."""
    path = tmp_path / "songs.csv"
    rows = ["Good,A,0.5,0.5", ",B,0.5,0.5", "C,,0.5,0.5", "D,D,loud,0.5", "E,Tyler, The Creator,0.5,0.5"]
    path.write_text("\n".join(["title,artist,valence,energy", *rows]), encoding="utf-8")
    assert mien("music", "import", path).out.splitlines()[1:] == [
        "  refused: 2 with no title or no artist (first in line 3: , B, 0.5, 0.5)",
        "  refused: 1 with no number for valence or energy (first in line 5: D, D, loud, 0.5)",
        "  refused: 1 with more cells than the heading (first in line 6: E, Tyler,  The Creator, 0.5, 0.5)",
    ]
    path.write_text("title,artist,valence,energy\nA,B,0.5,0.5\nC,D,50,0.5\n", encoding="utf-8")
    refused = mien("music", "import", path)
    assert (refused.code, refused.out) == (4, "")
    assert "valence is 0.5 in line 2 and 50 in line 3: write the whole column" in refused.err
    assert len(refused.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "taken", "refused", "songs"),
    [
        ("excel_de.csv", 60, 0, {"MERCURIO": ("KAROL G", 0.62, 0.67), "TQG": ("KAROL G, Shakira", 0.607, 0.63)}),
        ("scale100_quiet.csv", 202, 0, {"Adagio": ("Albinoni", 0.01, 0.01), "Gymnopedie": ("Satie", 0.0, 0.01)}),
        ("quotelists.csv", 16, 5, {"X": ('A "The Rock" B', 0.3, 0.8), "Song": ("Guns N' Roses, Slash", 0.3, 0.8)}),
    ],
)  # fmt: skip
def test_the_shared_cases(
    mien: Mien, shared: Path, name: str, taken: int, refused: int, songs: dict[str, tuple[str, float, float]]
) -> None:
    """A German spreadsheet, percentages with two quiet songs, and printed lists: every value is right."""
    outcome = mien("music", "import", shared / "cases" / "music" / name)
    assert outcome.code == 0
    assert outcome.out.startswith(f"{taken} rows taken, 0 of them merged")
    assert f"; {refused} refused" in outcome.out
    with Catalog(default_path()) as catalog:
        rows = catalog.database.execute("SELECT title, artist, valence, energy FROM song").fetchall()
    assert {title: tuple(rest) for title, *rest in rows if title in songs} == songs


def test_import_of_an_unusable_file(mien: Mien, tmp_path: Path) -> None:
    """A missing file and one that is not a table: exit code 4 and one sentence."""
    for path, text in ((tmp_path / "none.csv", "cannot be read"), (tmp_path, "cannot be read")):
        refused = mien("music", "import", path)
        assert (refused.code, refused.out) == (4, "")
        assert text in refused.err
        assert len(refused.err.splitlines()) == 1


def test_recommend_uses_the_catalogue(mien: Mien, table: Path) -> None:
    """After an import the songs come from it, the list of a seed stays, explicit songs can be left out."""
    mien("music", "import", table)
    arguments = ("recommend", "--expression", "happy", "--count", "10", "--json", "--seed")
    songs = [json.loads(line) for line in mien(*arguments, "1").out.splitlines()]
    assert [song for song in songs if re.fullmatch(r"Song \d+", song["title"])] == songs
    assert sum(song["valence"] for song in songs) / 10 > 0.7
    assert mien(*arguments, "1").out == mien(*arguments, "1").out != mien(*arguments, "2").out
    clean = [json.loads(line) for line in mien(*arguments, "1", "--no-explicit").out.splitlines()]
    assert all(int(song["title"].split()[1]) % 2 == 0 for song in clean)


def test_stats(mien: Mien, table: Path, tmp_path: Path) -> None:
    """What is there as words, as JSON, in the terminal and as a picture whose songs and moods are in their places."""
    assert mien("music", "stats").code == 4
    mien("music", "import", table)
    assert "bleak" in mien("music", "stats").out
    facts = json.loads(mien("music", "stats", "--json", "--svg", tmp_path / "plane.svg").out)
    assert (facts["songs"], facts["artists"], facts["explicit"]) == (300, 60, 150)
    assert facts["features"]["valence"] == 1
    assert facts["features"]["mode"] == 0
    picture = ET.parse(tmp_path / "plane.svg")
    text = {element.text for element in picture.iter("{http://www.w3.org/2000/svg}text")}
    assert set(LABELS) <= text
    assert mien("music", "stats", "--svg", tmp_path / "no" / "plane.svg").code == 4


def test_why_and_reset(mien: Mien, table: Path) -> None:
    """What was learned of a song and its artist can be read, changes the songs, and can be forgotten."""
    mien("music", "import", table)
    with Catalog(default_path()) as catalog:
        song = catalog.find("song 16 artist")[0]
        for at in range(3):
            catalog.record_feedback(song, SAD, 0.1, float(at) + 2e9)
    outcome = mien("music", "why", "song", "16").out
    assert "sad" in outcome
    assert "you skipped it" in outcome
    assert "happy" not in outcome
    assert "against  Song 16" in mien("music", "why").out
    assert mien("music", "why", "no such song").code == 4
    assert "3 judgements" in mien("music", "reset").out
    assert "nothing learned" in mien("music", "why", "song", "16").out


def test_without_a_state_directory(mien: Mien, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where the state directory cannot be made, recommend still has the starter list and import says why not."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "file" / "state"))
    assert mien("recommend", "--expression", "happy").code == 0
    assert mien("music", "import", tmp_path / "file").code == 3


def test_songs_stay_where_features_reach(mien: Mien, table: Path) -> None:
    """No song of a table stands beyond what features can tell."""
    mien("music", "import", table)
    with Catalog(default_path()) as catalog:
        assert all(max(map(abs, track.place)) <= MAX_REACH for track in catalog.candidates([(0, 0)], 1000))


def test_progress_goes_to_stderr(table: Path, state: Path) -> None:
    """Nothing but the account is on stdout, so that it can be piped."""
    command = [sys.executable, "-m", "mien.cli", "music", "import", str(table)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("300 rows taken")
    assert (state / "music.sqlite").is_file()
