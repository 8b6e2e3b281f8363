"""Read tables of text as people have them: any usual delimiter, encoding and line end; marks, comments, blank lines."""

from __future__ import annotations

import csv
import io
import os
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Self, TextIO

from mien.errors import InputError
from mien.text.text_file import encoding_of

ColumnCount = Callable[[Sequence[str]], int]
"""Takes the cells of a line, and returns how many of them name a column that the caller uses."""

FaultCallback = Callable[[int, str], None]
"""Takes the number of a line that cannot be read, and what it has, such as "NUL bytes"."""

_DELIMITERS = ",;\t|"
_MAX_LINE = 1 << 20  # bytes; a longer line is not one of a table
_BUFFER = 1 << 16  # bytes; line ends and encoding are recognized by so many
_LINE_END = re.compile(rb"\r\n|\r|\n")
_LINE_ENDS = {"\n", "\r", b"\n", b"\r"}
_PREAMBLE = 20  # lines, among which the heading is
_SEPARATOR = re.compile(r'"?sep=(.)\1*"?\s*', re.IGNORECASE | re.DOTALL)  # Excel's first line, which sets the delimiter

_KINDS = {
    b"PK\x03\x04": "it is an Excel workbook or a ZIP archive; save the sheet as CSV, or unpack the archive",
    b"\xd0\xcf\x11\xe0": "it is an old Excel workbook; save the sheet as CSV",
    b"\x1f\x8b": "it is compressed; unpack it with gunzip",
    b"SQLite format": "it is a database; export the table as CSV",
    b"\x89PNG": "it is a picture",
    b"<!doctype": "it is a web page; download the file itself",
    b"<html": "it is a web page; download the file itself",
    b"[{": "it is JSON; export it as CSV",
    b'{"': "it is JSON; export it as CSV",
}
"""{the first bytes of a file: what it is instead of a table}"""


def open_binary(path: Path) -> io.BufferedReader:
    """Open a file for a TextTable. Raises InputError where it cannot be read."""
    try:
        return io.BufferedReader(io.FileIO(path), _BUFFER)
    except OSError as error:
        raise _unreadable(path, error) from None


@contextmanager
def open_table(path: Path, count_columns: ColumnCount) -> Iterator[TextTable]:
    """Open a table in which every line must be right. Raises InputError where it cannot be read or is not text."""
    with open_binary(path) as file, TextTable(path, file, count_columns) as table:
        yield table


class TextTable:
    """A table with a heading, read row by row in constant memory. No byte of it is trusted.

    heading: its cells. It is the line, among the first twenty, that has most of the caller's columns, so that blank
    lines, comments (`#`), Excel's `sep=;` and titles may stand above it. delimiter: comma, semicolon, tab or bar,
    whichever gives the heading most of these columns, or the one that `sep=` sets.

    Text is UTF-8 or, with a byte order mark, UTF-16 or UTF-32. A line that is not UTF-8 is read as Windows-1252, which
    it almost always is.
    """

    def __init__(
        self,
        path: Path,
        file: io.BufferedReader,
        count_columns: ColumnCount,
        on_fault: FaultCallback | None = None,
        formats: str = "not a CSV table",
    ) -> None:
        """Read up to the heading.

        on_fault: called for each line that cannot be read, which is then skipped; without it, the first raises
        InputError. formats: completes "FILE is ..." where it is not text. Raises InputError.
        """
        self._path = path
        self._on_fault = on_fault or self._refuse
        self._file = file
        self._source = _open_text(path, file, formats)
        self._size = os.fstat(file.fileno()).st_size  # 0 for a pipe
        self._number = 0  # of the last line
        self._lines = self._decoded()
        self._again: deque[tuple[int, str]] = deque()  # lines to be read once more, with their numbers
        self._row: list[tuple[int, str]] = []  # the lines of the current row
        self._ended = False
        try:
            self.heading, self.delimiter = self._read_heading(count_columns)
            # "a, b": quotes after these spaces are quotes
            self._spaced = len(self.heading) > 1 and all(name.startswith(" ") for name in self.heading[1:])
        except InputError:
            self._source.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._source.close()

    @property
    def share(self) -> float:
        """Return how much of the file is read, 0 to 1; 0 for a pipe."""
        return os.lseek(self._file.fileno(), 0, os.SEEK_CUR) / self._size if self._size else 0.0

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Yield (number of the first line, cells) for each row below the heading, without blank lines and comments.

        After a quote that does not close, only its own line is skipped.
        """
        row = self._row
        while True:
            reason = "quotes that do not close"
            try:
                for cells in csv.reader(self._feed(), delimiter=self.delimiter, skipinitialspace=self._spaced):
                    if self._ended:  # the reader requested more lines: a quote is open
                        break
                    if len(cells) > 1 or (cells and cells[0].strip() and not cells[0].startswith("#")):
                        yield row[0][0], cells
                    row.clear()
                else:
                    return
            except csv.Error as error:
                if "new-line" in str(error):
                    reason = "a carriage return within the line"
            self._on_fault(row[0][0], reason)
            self._again.extendleft(reversed(row[1:]))
            self._ended = False
            row.clear()

    def _feed(self) -> Iterator[str]:
        """Yield lines, and remember those of the current row."""
        row, again, lines = self._row, self._again, self._lines
        while True:
            if again:
                numbered = again.popleft()
            elif (line := next(lines, None)) is not None:
                numbered = self._number, line
            else:
                self._ended = True
                return
            row.append(numbered)
            yield numbered[1]

    def _decoded(self) -> Iterator[str]:
        """Yield the lines that are text, none longer than a megabyte in memory."""
        read = self._source.readline
        while True:
            try:
                line = read(_MAX_LINE)
            except OSError as error:
                raise _unreadable(self._path, error) from None
            if not line:
                return
            self._number += 1
            if len(line) == _MAX_LINE and line[-1:] not in _LINE_ENDS:
                while (rest := read(_MAX_LINE)) and rest[-1:] not in _LINE_ENDS:
                    pass
                self._on_fault(self._number, "more than a megabyte")
                continue
            try:
                text = line if isinstance(line, str) else _decode_line(line)
            except UnicodeDecodeError:
                self._on_fault(self._number, "letters in an unknown encoding")
                continue
            if "\0" in text:
                self._on_fault(self._number, "NUL bytes")
            else:
                yield text

    def _read_heading(self, count_columns: ColumnCount) -> tuple[list[str], str]:
        """Read the first lines, and return the heading's cells and the delimiter; the others are read again."""
        lines = [(self._number, line) for line in islice(self._lines, _PREAMBLE)]
        delimiters = _DELIMITERS
        for index, (_, line) in enumerate(lines):
            if line.strip():
                if match := _SEPARATOR.fullmatch(line):
                    delimiters = match[1]
                    del lines[: index + 1]
                break
        best, heading, delimiter, length = (-1, False), [""], delimiters[0], 0
        for mark in delimiters:
            reader = csv.reader((line for _, line in lines), delimiter=mark)
            for cells in _valid_rows(reader):
                score = count_columns(cells), not cells[0].startswith("#")
                if any(cell.strip() for cell in cells) and score > best:
                    best, heading, delimiter, length = score, cells, mark, reader.line_num
        self._again.extend(lines[length:])
        return heading, delimiter

    def _refuse(self, number: int, fault: str) -> None:
        raise InputError(f"{self._path}, line {number}, has {fault}: mend the line, or download the file again.")


def _decode_line(line: bytes) -> str:
    """Return the text of a line. Raises UnicodeDecodeError where it is neither UTF-8 nor Windows-1252."""
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("cp1252")


def _valid_rows(reader: Iterator[list[str]]) -> Iterator[list[str]]:
    """Yield rows without the empty ones and those that are not CSV."""
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            continue
        if cells:
            yield cells


class _BytesLines:
    """Lines that may end in carriage returns alone, as bytes."""

    def __init__(self, file: io.BufferedReader) -> None:
        self._file = io.TextIOWrapper(file, "latin-1", newline="")  # a letter for each byte

    def readline(self, limit: int) -> bytes:
        """Return a line of at most `limit` bytes."""
        return self._file.readline(limit).encode("latin-1")

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _open_text(path: Path, file: io.BufferedReader, formats: str) -> io.BufferedReader | TextIO | _BytesLines:
    """Return an object whose `readline` gives lines, without a byte order mark. Raises InputError for other files."""
    try:
        head = file.peek(_BUFFER)
    except OSError as error:
        raise _unreadable(path, error) from None
    encoding = encoding_of(head)
    if encoding in {"utf-16", "utf-32"}:
        return io.TextIOWrapper(file, encoding, errors="replace", newline="")
    if encoding:
        head = head[len(file.read(3)) :]
    if not head.strip():
        raise InputError(f"{path} is empty: give a table.")
    kind = next(
        (kind for first, kind in _KINDS.items() if head.startswith(first) or head.lower().startswith(first)), None
    )
    if kind or any(byte < 32 and byte != 9 for byte in head.splitlines()[0]):
        raise InputError(f"{path} is {formats}: {kind or 'give a table of text'}.")
    first_end = _LINE_END.search(head)
    return _BytesLines(file) if first_end and first_end[0] == b"\r" else file


def _unreadable(path: Path, error: OSError) -> InputError:
    return InputError(f"{path} cannot be read: {error.strerror or error}.")
