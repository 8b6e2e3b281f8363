"""Foreign text made safe."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mien.text import printable, quoted


@given(st.text())
def test_printable_steers_no_terminal(text: str) -> None:
    """The result is printable, as long as the text or cut, and unchanged where the text is harmless."""
    result = printable(text, 50)
    assert result.isprintable()
    assert len(result) == min(len(text), 50)
    if text.isprintable():
        assert result == text[:50]


def test_the_replacement_is_chosen() -> None:
    """A control sequence loses what makes it one."""
    assert printable("a\x1b[2Jb") == "a?[2Jb"
    assert printable("a\tb", replacement=" ") == "a b"


@given(st.text())
def test_quoted_is_short_ascii_on_one_line(text: str) -> None:
    """Whatever the text, a log line stays a line."""
    result = quoted(text)
    assert result.isascii()
    assert result.isprintable()
    assert result[0] == result[-1]
    assert result[0] in "'\""
