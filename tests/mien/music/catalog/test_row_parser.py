"""One row: numbers as people and spreadsheets write them, and what is refused."""

from __future__ import annotations

import pytest

from mien.music.catalog.row_parser import RowParser, SongRow

COLUMNS = ("title", "artist", "valence", "energy", "tempo", "loudness", "explicit", "year", "mode")


def parse(**cells: object) -> SongRow | str:
    """Parse one row; what is not given is as usual."""
    usual: dict[str, object] = {"title": "A", "artist": "B", "valence": "0.5", "energy": "0.5"}
    row = [(usual | cells).get(name) for name in COLUMNS]
    return RowParser({name: number for number, name in enumerate(COLUMNS)}, len(COLUMNS), {}).parse(7, row)


@pytest.mark.parametrize(
    ("column", "index", "text", "value"),
    [
        ("valence", 6, "0,608", 0.608),
        ("valence", 6, ",5", 0.5),
        ("valence", 6, "5,5E-01", 0.55),
        ("valence", 6, "1,000", 1.0),
        ("valence", 6, " 60.5 ", 60.5),
        ("valence", 6, "60,5\u00a0%", "60.5"),
        ("valence", 6, "45%", "45.0"),
        ("tempo", 10, "148,026", 148.026),
        ("tempo", 10, "120 BPM", 120.0),
        ("tempo", 10, "1,234.5", None),
        ("tempo", 10, "1.234,5", None),
        ("tempo", 10, "1'234", None),
        ("tempo", 10, "12,3,4.5.6", None),
        ("tempo", 10, "fast", None),
        ("tempo", 10, "#DIV/0!", None),
        ("loudness", 11, "\u22125,2 dB", -5.2),
        ("mode", 12, "1,0", 1.0),
        ("explicit", 17, "WAHR", True),
        ("explicit", 17, "FALSCH", False),
        ("year", 19, "01.05.1999", 1999),
        ("year", 19, "1999-05-01", 1999),
        ("year", 19, "19990501", None),
    ],
)
def test_numbers_as_they_are_written(column: str, index: int, text: str, value: object) -> None:
    """Decimal commas, units, percent signs, and the spreadsheet's own minus, spaces and words."""
    assert parse(**{column: text})[index] == value


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"title": "nan", "artist": "nan"}, "no title or no artist"),
        ({"artist": "NULL"}, "no title or no artist"),
        ({"artist": "[]"}, "no title or no artist"),
        ({"valence": "n/a"}, "no number for valence or energy"),
        ({"valence": ""}, "no number for valence or energy"),
        ({"energy": "nan"}, "no number for valence or energy"),
        ({"energy": "-0,1"}, "a valence or energy below 0 or above 100"),
        ({"energy": "101"}, "a valence or energy below 0 or above 100"),
    ],
)
def test_reasons(cells: dict[str, object], reason: str) -> None:
    """Each in a few words."""
    assert parse(**cells) == reason


def test_cells_beyond_the_heading() -> None:
    """Empty ones do not matter; with others the row has slipped: an artist's comma without quotes, a decimal one."""
    parser = RowParser({name: number for number, name in enumerate(COLUMNS[:4])}, 4, {})
    assert isinstance(parser.parse(2, ["A", "B", "0.5", "0.5", "", ""]), tuple)
    assert "more cells than the heading" in parser.parse(2, ["A", "B", "0", "5", "0", "5"])
    assert "more cells than the heading" in parser.parse(2, ["A", "Tyler", " The Creator", "0.5", "0.5"])
