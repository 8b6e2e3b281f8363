"""The rows of a table before they are merged, in a temporary table: `id` is a row's line in the file.

A column's scale is known only when all of it is read, so that features are staged as the table has them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mien.errors import InputError
from mien.music.catalog.row_parser import OFF_SCALE, SongRow
from mien.music.catalog.scales import REQUIRED, UNIT_FEATURES, ColumnValues, check_declared, decide_scales
from mien.music.catalog.schema import FEATURES, Database
from mien.music.catalog.table_reader import ImportTally

SONG_COLUMNS = (
    *("key", "spotify_id", "isrc", "title", "artist"),
    *FEATURES,
    *("popularity", "explicit", "genre", "year"),
)
"""The columns of a song, in the order of SongRow."""

_ABOVE_SCALE = "a valence or energy above the end of its column's scale"
_FEW = 3  # rows off every scale are refused alone; of more than a twentieth, too, the scale is another one


def stage(database: Database, rows: Iterator[SongRow]) -> None:
    """Write rows into temp.incoming, while other processes may write to the catalogue."""
    names = ", ".join(("id", *SONG_COLUMNS))
    database.execute("DROP TABLE IF EXISTS temp.incoming")
    database.execute(f"CREATE TEMP TABLE incoming (id INTEGER PRIMARY KEY, {', '.join(SONG_COLUMNS)})")
    put = f"INSERT INTO temp.incoming ({names}) VALUES ({', '.join('?' * (1 + len(SONG_COLUMNS)))})"  # noqa: S608 - our own names
    database.execute("BEGIN")
    try:
        database.executemany(put, rows)
        database.execute("COMMIT")
    except BaseException:
        database.rollback()
        raise


def apply_scales(database: Database, path: Path, tally: ImportTally) -> None:
    """Bring the staged features to 0 to 1, and refuse the songs whose valence or energy is above its column's scale.

    Raises InputError where a column's scale is uncertain, where it has two, or where no song is left.
    """
    _check_some(path, tally)
    strays = tally.refused[OFF_SCALE]
    if strays > max(_FEW, 0.05 * (tally.taken + strays)):
        raise InputError(
            f"{path}: {strays:,} rows have {OFF_SCALE} ({tally.examples[OFF_SCALE]}): "
            "write both columns from 0 to 1, or from 0 to 100."
        )
    query = ", ".join(f"min({name}), max({name})" for name in UNIT_FEATURES)
    ends = database.execute(f"SELECT {query} FROM temp.incoming").fetchone()  # noqa: S608 - our own names
    columns = {
        name: (low, high)
        for name, low, high in zip(UNIT_FEATURES, ends[::2], ends[1::2], strict=True)
        if high is not None
    }
    try:
        scales = _scales(database, columns, tally.scales)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    changed = [name for name, scale in scales.items() if scale > 1 or columns[name][1] > scale]
    if not changed:
        return
    terms = ", ".join(
        f"{name} = CASE WHEN CAST({name} AS REAL) <= {scales[name]} THEN CAST({name} AS REAL) / {scales[name]} END"
        for name in changed
    )
    database.execute(f"UPDATE temp.incoming SET {terms}")  # noqa: S608 - our own names and numbers
    _refuse_above_scale(database, tally)
    _check_some(path, tally)


def _scales(
    database: Database, columns: dict[str, tuple[float | str, float | str]], declared: dict[str, float]
) -> dict[str, float]:
    """Return {column: the number that stands for 1}. Raises InputError.

    columns: {name: (lowest, highest)}. Texts, the numbers with percent signs, are higher than any number.
    """
    scales, undecided = {}, []
    for name, (low, high) in columns.items():
        if isinstance(high, str):
            if not isinstance(low, str):
                raise InputError(_describe_signs(database, name))
            scales[name] = 100.0
        elif name in declared:
            scales[name] = declared[name]
            query = f"SELECT count(*), min(id) FROM temp.incoming WHERE {name} > {declared[name]}"  # noqa: S608
            above, first = database.execute(query).fetchone()
            check_declared(name, declared[name], _values(database, name), above, _cell(database, name, first))
        else:
            undecided.append(name)
            scales[name] = 1.0
    if any(columns[name][1] > 1 for name in undecided):  # type: ignore[operator] # they are numbers
        scales |= decide_scales({name: _values(database, name) for name in undecided})
    return scales


def _values(database: Database, name: str) -> ColumnValues:
    """Return what the values of a column prove about its scale."""
    fraction, large = f"{name} > 0 AND {name} < 1", f"{name} > 2"
    fractions, larges, whole, highest, first_fraction, first_large = database.execute(
        f"SELECT total({fraction}), total({large}), total({large} AND {name} = round({name})), max({name}),"  # noqa: S608
        f" min(CASE WHEN {fraction} THEN id END), min(CASE WHEN {large} THEN id END) FROM temp.incoming"
    ).fetchone()
    return ColumnValues(
        int(fractions),
        int(larges),
        int(whole),
        highest,
        _cell(database, name, first_fraction),
        _cell(database, name, first_large),
    )


def _cell(database: Database, name: str, line: int | None) -> tuple[int, float] | None:
    if line is None:
        return None
    return line, database.execute(f"SELECT {name} FROM temp.incoming WHERE id = ?", (line,)).fetchone()[0]  # noqa: S608


def _describe_signs(database: Database, name: str) -> str:
    """Return the sentence about a column in which some numbers have a percent sign and others none."""
    query = f"SELECT id, {name} FROM temp.incoming WHERE typeof({name}) = ? ORDER BY id LIMIT 1"  # noqa: S608
    (line, percent), (other, number) = (database.execute(query, (kind,)).fetchone() for kind in ("text", "real"))
    return (
        f"{name} is {float(percent):g} % in line {line} and {number:g}, without a percent sign, in line {other}: "
        "write the whole column in one way."
    )


def _refuse_above_scale(database: Database, tally: ImportTally) -> None:
    above = " OR ".join(f"{name} IS NULL" for name in REQUIRED)
    count, line = database.execute(f"SELECT count(*), min(id) FROM temp.incoming WHERE {above}").fetchone()  # noqa: S608
    if count:
        row = database.execute("SELECT title, artist FROM temp.incoming WHERE id = ?", (line,)).fetchone()
        tally.refuse(_ABOVE_SCALE, line, row, count)
        tally.taken -= count
        database.execute(f"DELETE FROM temp.incoming WHERE {above}")  # noqa: S608


def _check_some(path: Path, tally: ImportTally) -> None:
    if not tally.taken:
        reasons = ", ".join(tally.accounts()[:3]) or "it has no rows"
        raise InputError(f"{path} has no song that can be used: {reasons}.")
