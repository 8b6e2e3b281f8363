"""Delays between attempts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.backoff import Backoff


def test_delays_double_up_to_the_longest() -> None:
    """From the first delay on, twice the last, at most the longest; from the first again after a success."""
    backoff = Backoff(1.0, 10.0)
    assert [backoff.next_delay() for _ in range(6)] == [1, 2, 4, 8, 10, 10]
    backoff.reset()
    assert backoff.next_delay() == 1


@given(st.floats(0.01, 60), st.floats(60, 3600), st.floats(0, 1), st.floats(0, 1), st.integers(1, 200))
def test_jitter_only_shortens(first: float, longest: float, jitter: float, drawn: float, attempts: int) -> None:
    """Whatever is drawn, a delay lies between its share without jitter and its full length; no attempt overflows."""
    backoff = Backoff(first, longest, jitter=jitter, draw=lambda: drawn)
    plain = Backoff(first, longest)
    for _ in range(attempts):
        delay, full = backoff.next_delay(), plain.next_delay()
        assert full <= longest
        assert delay == pytest.approx(full * (1 - jitter * drawn))
