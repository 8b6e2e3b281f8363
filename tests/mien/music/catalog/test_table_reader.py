"""Tables in every dialect, and what is not a table."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.errors import InputError
from mien.music.catalog import table_reader
from mien.music.catalog.catalog import Catalog
from mien.music.catalog.importer import import_table
from tests.fakes.song_tables import HEADING, ID, ImportTable, song, table


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
def test_usual_headings(catalog: Catalog, take: ImportTable, heading: str, row: str) -> None:
    """Other names, delimiters, percentages and forms of Spotify's ids mean the same."""
    assert take(f"{heading}\r\n{row}\r\n").taken == 1
    imported = song(catalog, "song")
    assert (imported.uri, imported.valence, imported.energy) == (f"spotify:track:{ID}", 0.5, 0.25)


def test_parquet(catalog: Catalog, tmp_path: Path) -> None:
    """A Parquet table imports as its CSV would, lists of artists and all."""
    pa = pytest.importorskip("pyarrow", reason="needs the extra 'parquet'")
    parquet = pytest.importorskip("pyarrow.parquet")
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


def test_parquet_without_pyarrow(catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence with the command that installs the extra, and the way around it."""
    (tmp_path / "table.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError, match=r"pip install 'mien\[parquet\]', or save it as CSV"):
        import_table(catalog, tmp_path / "table.parquet", lambda _what, _share: None, now=0.0)


@pytest.mark.parametrize(
    ("content", "sentence"),
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
def test_what_is_not_a_table_is_refused(catalog: Catalog, take: ImportTable, content: bytes, sentence: str) -> None:
    """One sentence with the reason, and the catalogue as it was."""
    take(table(10))
    before = {t.track_id: t.place for t in catalog.candidates([(0, 0)], 100)}
    with pytest.raises(InputError, match=sentence):
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
def test_valid_rows_are_taken(catalog: Catalog, take: ImportTable, row: bytes, taken: int) -> None:
    """An invalid row costs only itself."""
    good = f"{HEADING}\n,Good,Artist,,0.5,0.5,,,,\n".encode()
    report = take(good + row + b"\n")
    assert report.taken == 1 + taken
    assert song(catalog, "good artist").valence == 0.5
    if row.startswith(b",Caf"):
        assert song(catalog, "cafe b").title == "Café"


def test_utf16(catalog: Catalog, take: ImportTable) -> None:
    """What a spreadsheet saves as Unicode text imports."""
    assert take(f"{HEADING}\n,Grün,Ä,,0.5,0.5,,,,\n".replace(",", "\t").encode("utf-16")).taken == 1
    assert song(catalog, "grun").title == "Grün"


def test_titles_do_not_steer_terminals(catalog: Catalog, take: ImportTable) -> None:
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
