"""Read tables of songs: text in any common dialect, and Parquet. No byte of them is trusted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import Any

from mien.errors import InputError
from mien.music.catalog.row_parser import COLUMNS, RowParser, SongRow
from mien.music.catalog.scales import UNIT_FEATURES
from mien.text import printable
from mien.text.text_table import TextTable, open_binary

_BATCH = 1_000  # rows of Parquet in memory at once: as fast as ten times as many, and a text may be long
_NOT_LETTERS = re.compile(r"[^a-z0-9]+")
_SCALE = re.compile(
    r"(?:\bin\s*)?(%|percent|pct|prozent|0(?:[.,]0+)?\s*(?:-|\u2013|to|\.\.+)\s*(1|10{1,3})(?:[.,]0+)?(?!\d))"
)
_UNIT = re.compile(r"[(\[].*[)\]]")


@dataclass
class ImportTally:
    """The rows of a table so far: taken, and refused by reason.

    examples: {reason: the first row that was refused for it}. scales: {column: the number that stands for 1}, where the
    heading declares it. share: how much of the table is read, 0 to 1. place: what a row's number counts.
    """

    taken: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    scales: dict[str, float] = field(default_factory=dict)
    share: float = 0.0
    place: str = "line"

    def refuse(self, reason: str, line: int, cells: Sequence[Any] = (), count: int = 1) -> None:
        """Count refused rows, of which the first is given."""
        if reason not in self.refused:
            text = ", ".join("" if cell is None else str(cell) for cell in cells).rstrip(", ")
            self.examples[reason] = f"first in {self.place} {line}" + (f": {printable(text, 60, ' ')}" if text else "")
        self.refused[reason] += count

    def accounts(self) -> list[str]:
        """Return how many rows were refused for each reason, the most frequent first, with the first of them."""
        return [f"{count:,} with {reason} ({self.examples[reason]})" for reason, count in self.refused.most_common()]


def read_rows(path: Path, tally: ImportTally) -> Iterator[SongRow]:
    """Yield the valid rows of a table, and count all in `tally`. Raises InputError where it is not a table."""
    with open_binary(path) as file:
        if file.peek(4)[:4] == b"PAR1":
            yield from _parquet(path, tally)
        else:
            yield from _text(path, file, tally)


def _text(path: Path, file: BufferedReader, tally: ImportTally) -> Iterator[SongRow]:
    def count(line: int, fault: str) -> None:
        tally.refuse(fault, line)

    with TextTable(path, file, lambda cells: len(_known_columns(cells)), count, "neither CSV nor Parquet") as table:
        parse = _parser(path, table.heading, tally).parse
        for line, cells in table.rows():
            row = parse(line, cells)
            if isinstance(row, str):
                tally.refuse(row, line, cells)
            else:
                tally.taken += 1
                yield row
                if tally.taken % 1000 == 0:
                    tally.share = table.share


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
            parser = _parser(path, [names[number] for number in used], tally)
            tally.place = "row"
            rows_read, rows = 0, max(1, table.metadata.num_rows)
            for batch in table.iter_batches(batch_size=_BATCH, columns=[names[number] for number in used]):
                columns = (column.to_pylist() for column in batch.columns)
                for number, cells in enumerate(zip(*columns, strict=True), rows_read + 1):
                    row = parser.parse(number, list(cells))
                    if isinstance(row, str):
                        tally.refuse(row, number, cells)
                    else:
                        tally.taken += 1
                        yield row
                rows_read += batch.num_rows
                tally.share = rows_read / rows
    except (ArrowException, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not valid Parquet: {str(error).splitlines()[0]}") from None


def _parser(path: Path, heading: list[str], tally: ImportTally) -> RowParser:
    """Return a parser for the columns of a heading. Raises InputError where they are too few, or one is there twice."""
    known = _known_columns(heading)
    missing = [name for name in ("title", "artist", "valence", "energy") if name not in known]
    if missing:
        columns = ", ".join(name[:20] for name in heading[:12] if name.isprintable()) or "none"
        raise InputError(f"{path} has no column for {' and '.join(missing)}; its columns are: {columns}.")
    aliases = [_alias(name) for name in heading]
    for column, number in known.items():
        if aliases.count(aliases[number]) > 1:
            twins = [
                printable(name, 40) for name, alias in zip(heading, aliases, strict=True) if alias == aliases[number]
            ]
            raise InputError(f"{path} has several columns for {column}: {', '.join(twins)}; keep one of them.")
    tally.scales = {
        name: scale for name in UNIT_FEATURES if name in known and (scale := _declared_scale(heading[known[name]]))
    }
    return RowParser(known, len(heading), tally.scales)


def _known_columns(heading: Sequence[str]) -> dict[str, int]:
    """Return {mien's name: number of the column}; of several columns the one with the most usual name."""
    aliases = [_alias(name) for name in heading]
    return {
        column: aliases.index(alias)
        for column, names in _ALIASES.items()
        if (alias := next((name for name in names if name in aliases), None)) is not None
    }


def _alias(name: str) -> str:
    """Return the letters of a column's name, without a unit or scale: "valence" of "Valence (0-100)"."""
    letters = _letters(name)
    return letters if letters in _KNOWN else _letters(_UNIT.sub("", _SCALE.sub("", name.casefold())))


def _letters(name: str) -> str:
    return _NOT_LETTERS.sub("", name.casefold())


def _declared_scale(name: str) -> float | None:
    """Return the number that stands for 1 in a column, if its name declares it: 100 for "valence_%"."""
    match = _SCALE.search(name.casefold())
    return float(match[2] or 100) if match else None


_ALIASES: Mapping[str, tuple[str, ...]] = {
    column: tuple(_letters(name) for name in names) for column, names in COLUMNS.items()
}
_KNOWN = {alias for names in _ALIASES.values() for alias in names}
