"""Songs written as a table in any way are read as they were, or the table is refused as a whole."""

from __future__ import annotations

import csv
import io
import random
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.errors import InputError
from mien.music.catalog import staging
from mien.music.catalog.schema import Database
from mien.music.catalog.table_reader import ImportTally, read_rows

LETTERS = "aZ éÜß,;|\t\n\"'#.&%0=-"  # no pair of them in Windows-1252 is a letter in UTF-8
ANCHORS = [("Low", "Someone", 0.3, 0.25), ("High", "Someone", 0.8, 0.75)]
"""Two songs of every table, without which 0.4 could be 0.4 % for all that one can know."""

Song = tuple[str, str, float, float]
"""title, artist, valence, energy"""


def percent(value: float) -> float:
    return round(100 * value, 1)


SCALES: dict[str, Callable[[float], str]] = {
    "share": lambda value: f"{value:g}",
    "decimals": lambda value: f"{percent(value)}",
    "whole": lambda value: f"{percent(value):.0f}",
    "sign": lambda value: f"{percent(value):g}%",
    "spaced sign": lambda value: f"{percent(value):g} %",
}
NAMES = {
    "title": ["track_name", "Title", " NAME ", "Song Name"],
    "artist": ["artists", "Artist Name(s)", "ARTIST", "artist(s)_name"],
    "valence": ["valence", " Valence", "VALENCE"],
    "energy": ["energy", "Energy "],
    "tempo": ["tempo", "BPM", "Tempo (BPM)"],
}
DECLARED = {"share": "{} (0-1)", "decimals": "{} (0-100)", "whole": "{}_%", "sign": "{} [%]", "spaced sign": "{} in %"}


@dataclass
class Form:
    """How a table is written."""

    delimiter: str = ","
    decimal_mark: str = "."
    quoting: int = csv.QUOTE_MINIMAL
    encoding: str = "utf-8"
    end: str = "\n"
    above: str = ""
    between: str = ""
    scales: Sequence[str] = ("share", "share")
    declared: Sequence[bool] = (False, False)
    order: Sequence[str] = ("title", "artist", "valence", "energy", "tempo")
    name: int = 0
    odd_rows: str | None = None
    """The scale of every second valence, if not the same."""

    def write(self, songs: Sequence[Song]) -> bytes:
        """Return the table's bytes."""
        scales = dict(zip(("valence", "energy"), self.scales, strict=True))
        heading = {column: names[self.name % len(names)] for column, names in NAMES.items()}
        for (column, scale), declared in zip(scales.items(), self.declared, strict=True):
            if declared:
                heading[column] = DECLARED[scale].format(column)
        text = io.StringIO()
        writer = csv.writer(text, delimiter=self.delimiter, quoting=self.quoting, lineterminator="\r\n")  # type: ignore[arg-type] # any of them
        text.write(self.above)
        writer.writerow([heading[column] for column in self.order])
        for number, (title, artist, valence, energy) in enumerate(songs):
            of_row = self.odd_rows if self.odd_rows and number % 2 else scales["valence"]
            values = {
                "title": title,
                "artist": artist,
                "valence": SCALES[of_row](valence).replace(".", self.decimal_mark),
                "energy": SCALES[scales["energy"]](energy).replace(".", self.decimal_mark),
                "tempo": f"{60 + number}.5".replace(".", self.decimal_mark),
            }
            writer.writerow([values[column] for column in self.order])
            text.write(self.between)
        return text.getvalue().replace("\r\n", self.end).encode(self.encoding)


def stage(path: Path) -> tuple[list[tuple[Song, float]], ImportTally]:
    """Return the songs that an import would take, with their tempos."""
    database = sqlite3.connect(":memory:", isolation_level=None, factory=Database)
    try:
        tally = ImportTally()
        staging.stage(database, read_rows(path, tally))
        staging.apply_scales(database, path, tally)
        rows = database.execute(
            "SELECT title, artist, valence, energy, tempo FROM temp.incoming ORDER BY id"
        ).fetchall()
        assert tally.taken == len(rows)
        return [((*row[:2], row[2], row[3]), row[4]) for row in rows], tally
    finally:
        database.close()


def expected(songs: Sequence[Song], form: Form) -> list[tuple[tuple[object, ...], float]]:
    """What is written: whole percentages are rounded, and a line break in a title is a space."""
    digits = [2 if scale == "whole" else 3 for scale in form.scales]
    return [
        (
            (
                *(" ".join(text.split()) for text in (title, artist)),
                pytest.approx(round(float(SCALES["whole"](valence)) / 100 if digits[0] == 2 else valence, 3)),
                pytest.approx(round(float(SCALES["whole"](energy)) / 100 if digits[1] == 2 else energy, 3)),
            ),
            60.5 + number,
        )
        for number, (title, artist, valence, energy) in enumerate(songs)
    ]


def spaced(rows: list[tuple[Song, float]]) -> list[tuple[Song, float]]:
    return [((" ".join(t.split()), " ".join(a.split()), v, e), tempo) for (t, a, v, e), tempo in rows]


names = st.text(LETTERS, min_size=1, max_size=8).map(lambda text: f"{text}x")
thousandths = st.integers(0, 1000).map(lambda number: number / 1000)
tables = st.lists(st.tuples(names, names, thousandths, thousandths), max_size=14)
forms = st.builds(
    Form,
    delimiter=st.sampled_from(",;\t|"),
    decimal_mark=st.sampled_from(".,"),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"]),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    above=st.sampled_from(["", "\r\n\r\n", "# songs; of mine, 2026\r\n", "My songs\r\n\r\n", ";;;;\r\n"]),
    between=st.sampled_from(["", "\r\n", "# a comment\r\n", "  \r\n"]),
    scales=st.tuples(*[st.sampled_from(sorted(SCALES))] * 2),
    declared=st.tuples(st.booleans(), st.booleans()),
    order=st.permutations(list(NAMES)),
    name=st.integers(0, 3),
)


@settings(max_examples=120)
@given(tables, forms)
def test_what_is_read_is_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, songs: list[Song], form: Form
) -> None:
    """Any delimiter, decimal mark, quoting, encoding, mark, blank and comment line, scale, and order of columns."""
    path = tmp_path_factory.getbasetemp() / "songs.csv"
    songs = [*ANCHORS, *songs]
    path.write_bytes(form.write(songs))
    try:
        rows, tally = stage(path)
    except InputError:
        return
    assert spaced(rows) == expected(songs, form)
    assert not tally.refused


@settings(max_examples=50)
@given(
    st.lists(st.tuples(names, names, st.floats(0.03, 0.97).map(lambda v: round(v, 3)), thousandths), min_size=2),
    forms,
    st.sampled_from(sorted(SCALES)),
)
def test_a_column_on_two_scales_is_refused(
    tmp_path_factory: pytest.TempPathFactory, songs: list[Song], form: Form, odd_rows: str
) -> None:
    """A column of percentages and shares is never stored: the sentence has the line of each."""
    kinds = {"share": 0, "decimals": 1, "whole": 1, "sign": 2, "spaced sign": 2}
    path = tmp_path_factory.getbasetemp() / "mixed.csv"
    form.odd_rows = odd_rows
    path.write_bytes(form.write([*ANCHORS, *songs]))
    if kinds[odd_rows] != kinds[form.scales[0]]:
        with pytest.raises(InputError, match=r"valence .* (in line \d+|by its name|goes up to)"):
            stage(path)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("declared", [False, True])
@pytest.mark.parametrize(("delimiter", "decimal_mark"), [(",", "."), (";", ","), ("\t", ","), (",", ",")])
def test_usual_tables_are_read(tmp_path: Path, scale: str, declared: bool, delimiter: str, decimal_mark: str) -> None:
    """A hundred songs, quiet ones among them, on each scale: none is refused, none is wrong."""
    rng = random.Random(0)
    songs = [(f"Song {n}", "A", rng.randint(20, 980) / 1000, rng.randint(20, 980) / 1000) for n in range(100)]
    songs += [("Quiet", "B", 0.01, 0.0), ("Loud", "B", 1.0, 1.0)]
    form = Form(delimiter, decimal_mark, scales=(scale, scale), declared=(declared, declared))
    (tmp_path / "table.csv").write_bytes(form.write(songs))
    rows, tally = stage(tmp_path / "table.csv")
    assert spaced(rows) == expected(songs, form)
    assert not tally.refused


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (["0.5,0.5", "0.6,0.5", "45,0.5"], "valence is 0.5 in line 2 and 45 in line 4: write the whole column from 0"),
        (["0.5,50", "45%,60", "0.6,70"], "valence is 45 % in line 3 and 0.5, without a percent sign, in line 2"),
        (["3,0.5", "8,0.6"], r'valence goes up to 8: write its scale into its name, such as "valence \(0-100\)"'),
        (["0.5,50", "0.6,60"], "valence goes up to 0.6, while other columns go to 100"),
        (["-0.5,0.5"] * 4 + ["0.5,0.5"] * 9, r"4 rows have a valence or energy below 0 .*line 2: A, B, -0.5"),
    ],
)
def test_an_uncertain_scale_is_refused(tmp_path: Path, rows: list[str], sentence: str) -> None:
    """With what contradicts what, and in which lines."""
    path = tmp_path / "table.csv"
    path.write_text("\n".join(["title,artist,valence,energy", *(f"A,B,{row}" for row in rows)]))
    with pytest.raises(InputError, match=sentence):
        stage(path)


@pytest.mark.parametrize(
    ("heading", "row", "sentence"),
    [
        ("valence (0-1),energy", "45,0.5", "valence is from 0 to 1 by its name, but 45 in line 2: correct the name"),
        ("valence_%,energy", "0.45,0.5", r'valence is from 0 to 100 by its name, but goes up to 0.45 only: .*\(0-1\)"'),
        ("valence,energy,Valence", "0.1,0.5,0.9", "several columns for valence: valence, Valence; keep one"),
        ("valence,energy,valence_%", "0.1,0.5,10", "several columns for valence: valence, valence_%; keep one"),
    ],
)
def test_a_heading_that_contradicts_is_refused(tmp_path: Path, heading: str, row: str, sentence: str) -> None:
    """With the column, and what to correct."""
    path = tmp_path / "table.csv"
    path.write_text(f"title,artist,{heading}\nA,B,{row}\n")
    with pytest.raises(InputError, match=sentence):
        stage(path)


def test_a_scale_of_its_own_is_declared_by_the_name(tmp_path: Path) -> None:
    """Also 0 to 10."""
    path = tmp_path / "table.csv"
    path.write_text("title,artist,Valence (0-10),energy [0..1]\nA,B,5,0.5\nC,D,10,1\n")
    assert [song[2:] for song, _ in stage(path)[0]] == [(0.5, 0.5), (1.0, 1.0)]


def test_rows_that_slipped_are_refused_alone(tmp_path: Path) -> None:
    """One value of a hundred that cannot be on the column's scale costs its row, and is counted with its line."""
    path = tmp_path / "table.csv"
    rows = [f"Song {n},A,{n / 100},0.5" for n in range(1, 100)]
    path.write_text("\n".join(["title,artist,valence,energy", *rows, "Slipped,A,66,0.5", "Off,A,1.2,0.5"]))
    rows_read, tally = stage(path)
    assert len(rows_read) == 99
    assert tally.accounts() == [
        "2 with a valence or energy above the end of its column's scale (first in line 101: Slipped, A)"
    ]
