"""Tables for terminals and Markdown."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mien_training.report import tables


@given(cells=st.lists(st.lists(st.text("abc", max_size=9), min_size=3, max_size=3), min_size=1, max_size=5))
def test_tables_are_aligned(cells: list[list[str]]) -> None:
    """All lines of a table are equally long, and Markdown's have as many bars."""
    assert len({len(line) for line in tables.format_text(cells).split("\n")}) == 1
    assert {line.count("|") for line in tables.format_markdown(cells).splitlines()} == {4}
