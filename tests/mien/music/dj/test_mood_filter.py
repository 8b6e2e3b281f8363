"""The mood that the music follows."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from mien.events import Mood
from mien.expression import Expression
from mien.music.dj.mood_filter import MoodDebouncer


@given(st.lists(st.tuples(st.floats(0, 300), st.sampled_from([*Expression, None])), max_size=40))
def test_the_target_has_held_and_seldom_changes(steps: list[tuple[float, Expression | None]]) -> None:
    """Whatever comes: the target has held for the dwell, and changes are a cooldown apart."""
    debouncer, now, since, latest, changes = MoodDebouncer(20.0, 120.0), 0.0, 0.0, None, [-120.0]
    number = 0
    for passed, expression in steps:
        now += passed
        debouncer.advance(now)
        if debouncer.target is not None and debouncer.target.number != number:
            assert debouncer.target.expression == latest
            assert now - since >= 20 - 1e-6
            changes, number = [*changes, now], debouncer.target.number
        if expression != latest:
            since, latest = now, expression
        shares = () if expression is None else tuple(float(e == expression) for e in Expression)
        debouncer.update(Mood(expression, 1.0, shares, now), now)
    assert all(after - before >= 120 - 1e-6 for before, after in itertools.pairwise(changes))
