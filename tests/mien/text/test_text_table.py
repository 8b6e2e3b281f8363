"""Tables of text in every form, and what is not one."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.errors import InputError
from mien.text.text_table import TextTable, open_binary, open_table

Rows = list[tuple[int, list[str]]]
HEADING = "name,size,Mood"


def count_columns(cells: Sequence[str]) -> int:
    return len({"name", "size", "Mood"} & {cell.strip() for cell in cells})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "table.csv"


def read(path: Path, content: str | bytes, faults: Rows | None = None) -> tuple[list[str], Rows]:
    """The heading and the rows; with `faults`, the lines that cannot be read are collected there."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    if faults is None:
        with open_table(path, count_columns) as table:
            return table.heading, list(table.rows())
    with (
        open_binary(path) as file,
        TextTable(path, file, count_columns, lambda line, fault: faults.append((line, [fault]))) as table,
    ):
        return table.heading, list(table.rows())


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_every_form_is_read(path: Path, encoding: str, end: str, delimiter: str) -> None:
    """Encodings, line ends and delimiters, with text that needs quotes."""
    lines = [HEADING.replace(",", delimiter), delimiter.join(["Zoë", '"a\nb"', f'"c{delimiter}d"']), ""]
    heading, rows = read(path, end.join(lines).encode(encoding))
    assert heading == ["name", "size", "Mood"]
    assert rows == [(2, ["Zoë", "a\nb", f"c{delimiter}d"])]


@pytest.mark.parametrize(
    "above",
    [
        "",
        "\n\n",
        "# a comment, with, commas\n",
        "sep=;\n",
        '\n"sep=;"\n',
        "My table of 2026\n\n",
        ";;\n",
        "# name, size\n",
        "# \"x'\n",
    ],
)
def test_lines_above_the_heading_are_skipped(path: Path, above: str) -> None:
    """Blank lines, comments, titles, and Excel's line with the delimiter; line numbers count them."""
    heading, rows = read(path, f"\ufeff{above}name;size;Mood\n\n# x\nA;1;2\n  \nB;3;4\n")
    assert heading == ["name", "size", "Mood"]
    first = above.count("\n") + 4
    assert rows == [(first, ["A", "1", "2"]), (first + 2, ["B", "3", "4"])]


def test_excels_first_line_sets_any_delimiter(path: Path) -> None:
    """Also one that is not recognized by itself."""
    assert read(path, "sep=^\r\nname^size^Mood\r\nA,;^1^2\r\n")[1] == [(3, ["A,;", "1", "2"])]


def test_spaces_after_the_delimiter(path: Path) -> None:
    """Quotes that follow them are quotes, where the heading has such spaces too."""
    heading, rows = read(path, 'name, size, Mood\nA, "1, 2", 3\n')
    assert heading == ["name", " size", " Mood"]
    assert rows == [(2, ["A", "1, 2", "3"])]


def test_a_heading_over_two_lines(path: Path) -> None:
    """Spreadsheets keep line breaks in their cells."""
    assert read(path, 'name,size,"Mood\n"\nA,1,2\n') == (["name", "size", "Mood\n"], [(3, ["A", "1", "2"])])


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (b'"A,1,2', "quotes that do not close"),
        (b"A,\x001,2", "NUL bytes"),
        (b"A" * (3 << 20), "more than a megabyte"),
        (b"A\rB,1,2", "a carriage return within the line"),
        (b"A\x81\xff,1,2", "letters in an unknown encoding"),
    ],
)
@pytest.mark.parametrize("more", [0, 30, 40_000])
def test_a_bad_line_costs_only_itself(path: Path, line: bytes, fault: str, more: int) -> None:
    """The rows after it are read, with their own numbers; without a callback it is named."""
    after = [(number, ["B", "1", "2"]) for number in range(4, 4 + more)]
    content = HEADING.encode() + b"\nA,1,2\n" + line + b"\n" + b"B,1,2\n" * more
    faults: Rows = []
    assert read(path, content, faults)[1] == [(2, ["A", "1", "2"]), *after]
    assert faults == [(3, [fault])]
    with pytest.raises(InputError, match=f"line 3, has {fault}: mend the line"):
        read(path, content)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf\n \n", "is empty"),
        (b"PK\x03\x04rest", "Excel workbook or a ZIP archive; save the sheet as CSV"),
        (b"\x1f\x8brest", "compressed; unpack it with gunzip"),
        (b"\x89PNG\r\n", "it is a picture"),
        (b"<!DOCTYPE html>\n<html>", "it is a web page; download the file itself"),
        (b'[{"name": "A"}]', "it is JSON; export it as CSV"),
        ("name,size\n".encode("utf-16-le"), "not a CSV table"),
    ],
)
def test_what_is_not_text(path: Path, content: bytes, sentence: str) -> None:
    """One sentence with what it is and what to do."""
    with pytest.raises(InputError, match=sentence):
        read(path, content)


def test_a_pipe_is_read(path: Path) -> None:
    """A table may come from another command: mien music import <(zcat songs.csv.gz)."""
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_text, args=(f"{HEADING}\nA,1,2\n",))
    writer.start()
    with open_binary(path) as file, TextTable(path, file, count_columns) as table:
        assert list(table.rows()) == [(2, ["A", "1", "2"])]
        assert table.share == 0
    writer.join()


@given(st.binary(max_size=300))
def test_any_bytes_are_rows_or_a_sentence(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """Whatever a file holds."""
    path = tmp_path_factory.getbasetemp() / "bytes.csv"
    for head in (b"", HEADING.encode() + b"\n", b"\xff\xfe", b"\xef\xbb\xbf"):
        try:
            read(path, head + content, [])
        except InputError:
            continue
