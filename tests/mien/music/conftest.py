"""An empty catalogue, and imports into it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mien.music.catalog.catalog import Catalog
from mien.music.catalog.importer import ImportReport, import_table
from tests.fakes.song_tables import ImportTable


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog(tmp_path / "music.sqlite") as opened:
        yield opened


@pytest.fixture
def take(catalog: Catalog, tmp_path: Path) -> ImportTable:
    """Import a table given as its text or bytes."""

    def imported(content: str | bytes) -> ImportReport:
        path = tmp_path / "table.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return import_table(catalog, path, lambda _step, _share: None, now=0.0)

    return imported
