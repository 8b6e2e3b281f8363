"""Read tables of songs: CSV in any common dialect, and Parquet. No byte of them is trusted."""

from __future__ import annotations

import codecs
import csv
import io
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from mien.errors import InputError
from mien.music.catalog.row_parser import COLUMNS, RowParser, SongRow

_MAX_LINE = 1 << 20  # bytes; a longer line is not a song
_DELIMITERS = ",;\t|"
_BATCH = 1_000  # rows of Parquet in memory at once: as fast as ten times as many, and a text may be long


@dataclass
class ImportTally:
    """The rows of a table so far: taken, and refused by reason. share: how much of it is read, 0 to 1."""

    taken: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    share: float = 0.0


def read_rows(path: Path, tally: ImportTally) -> Iterator[SongRow]:
    """Yield the valid rows of a table, and count all in `tally`. Raises InputError where it is not a table."""
    try:
        with path.open("rb") as file:
            head = file.read(4096)
        if head[:4] == b"PAR1":
            yield from _parquet(path, tally)
        else:
            yield from _csv(path, head, tally)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from None


def _csv(path: Path, head: bytes, tally: ImportTally) -> Iterator[SongRow]:
    with _open(path, head) as file:
        lines = _Lines(file, tally)
        heading = next(lines, "")
        delimiter = max(_DELIMITERS, key=lambda mark: len(_known_columns(_cells(heading, mark))))
        parser = _parser(path, _cells(heading, delimiter))
        reader = csv.reader(lines, delimiter=delimiter)
        size = path.stat().st_size
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error:
                tally.refused["quotes that do not close"] += 1
                continue
            if cells:
                yield from _parse(parser, cells, tally)
            if reader.line_num % 1000 == 0:
                tally.share = os.lseek(file.fileno(), 0, os.SEEK_CUR) / size


def _parquet(path: Path, tally: ImportTally) -> Iterator[SongRow]:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError:
        raise InputError(
            f"{path} is Parquet, which needs pyarrow: pip install 'mien[parquet]', or save it as CSV."
        ) from None
    try:
        with parquet.ParquetFile(path) as table:
            names = table.schema_arrow.names
            used = sorted(_known_columns(names).values())
            parser = _parser(path, [names[number] for number in used])
            rows_read, rows = 0, max(1, table.metadata.num_rows)
            for batch in table.iter_batches(batch_size=_BATCH, columns=[names[number] for number in used]):
                for cells in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    yield from _parse(parser, cells, tally)
                rows_read += batch.num_rows
                tally.share = rows_read / rows
    except (ArrowException, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not valid Parquet: {str(error).splitlines()[0]}") from None


def _parse(parser: RowParser, cells: Sequence[Any], tally: ImportTally) -> Iterator[SongRow]:
    row = parser.parse(cells)
    if isinstance(row, str):
        tally.refused[row] += 1
    else:
        tally.taken += 1
        yield row


def _parser(path: Path, heading: list[str]) -> RowParser:
    known = _known_columns(heading)
    missing = [name for name in ("title", "artist", "valence", "energy") if name not in known]
    if missing:
        columns = ", ".join(name[:20] for name in heading[:12] if name.isprintable()) or "none"
        raise InputError(f"{path} has no column for {' and '.join(missing)}; its columns are: {columns}.")
    return RowParser(known, [name.strip().endswith("%") for name in heading])


def _known_columns(heading: Sequence[str]) -> dict[str, int]:
    """Return {mien's name: number of the column}; of several columns the one with the most usual name."""
    headings = [name.strip().strip("%").strip("_ ").casefold().replace(" ", "_") for name in heading]
    return {
        column: headings.index(heading_name)
        for column, names in COLUMNS.items()
        if (heading_name := next((name for name in names if name in headings), None)) is not None
    }


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def _open(path: Path, head: bytes) -> BinaryIO | io.TextIOWrapper:
    """Open as UTF-16 where it has a byte order mark, else as bytes. Raises InputError where it is not text."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return path.open(encoding="utf-16", errors="replace", newline="")
    if not head.strip():
        raise InputError(f"{path} is empty: give a CSV or Parquet table of songs.")
    if any(byte < 32 and byte != 9 for byte in head.splitlines()[0]) or head[:1] == b"\x89":  # a PNG begins so
        raise InputError(f"{path} is neither CSV nor Parquet: give a table of songs.")
    return path.open("rb")


class _Lines:
    """The lines of a text, none longer than a megabyte in memory; those that are not text are counted as refused.

    A line that is not UTF-8 is read as Windows-1252, which is what it almost always is.
    """

    def __init__(self, file: BinaryIO | io.TextIOWrapper, tally: ImportTally) -> None:
        self._file = file
        self._tally = tally
        self._begun = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        while True:
            line = self._file.readline(_MAX_LINE)
            if not line:
                raise StopIteration
            if len(line) == _MAX_LINE and line[-1:] not in {"\n", b"\n"}:
                self._tally.refused["lines of more than a megabyte"] += 1
                while (rest := self._file.readline(_MAX_LINE)) and rest[-1:] not in {"\n", b"\n"}:
                    pass
                continue
            text = line if isinstance(line, str) else _decode(line)
            if "\0" in text:
                self._tally.refused["NUL bytes"] += 1
                continue
            if not self._begun:
                self._begun, text = True, text.removeprefix("\ufeff")
            return text


def _decode(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("cp1252", errors="replace")
