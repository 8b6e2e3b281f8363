"""The mood tracker: its properties, whatever the readings."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.config import MoodConfig
from mien.events import Mood, Reading
from mien.expression import Expression
from mien.mood import MoodTracker, frequencies, rarity

SURE = 0.9

probabilities = (
    st.lists(st.floats(0, 1), min_size=7, max_size=7)
    .filter(lambda p: sum(p) > 1e-3)
    .map(lambda p: tuple(x / sum(p) for x in p))
)
times = st.floats(allow_nan=True, allow_infinity=True) | st.floats(0, 1000)
confusions = st.lists(st.lists(st.integers(0, 5000), min_size=7, max_size=7), min_size=7, max_size=7)


def reading(expression: Expression, at: float, sure: float = SURE, weight: float = 1.0) -> Reading:
    rest = (1 - sure) / 6
    return Reading(tuple(sure if other == expression else rest for other in Expression), at, weight)


def settle(tracker: MoodTracker, expression: Expression, start: float, seconds: float, rate: float = 8) -> list[Mood]:
    """The moods told while an expression is shown."""
    told = [tracker.update(reading(expression, start + i / rate)) for i in range(round(seconds * rate))]
    return [mood for mood in told if mood is not None]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(probabilities, times, st.floats(0, 1), st.booleans()), max_size=30), confusions)
def test_beliefs_are_probabilities(
    steps: list[tuple[tuple[float, ...], float, float, bool]], counts: list[list[int]]
) -> None:
    """Whatever comes at whatever times, each probability stays within 0 to 1 and they sum to 1."""
    tracker = MoodTracker(MoodConfig(), counts)
    for values, at, weight, seen in steps:
        mood = tracker.update(Reading(values, at, weight)) if seen else tracker.nobody(at)
        belief = tracker.probabilities if mood is None or mood.expression is None else mood.probabilities
        assert all(0 <= p <= 1 for p in belief)
        assert math.isclose(sum(belief), 1, abs_tol=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(probabilities, st.floats(0, 1)), min_size=2, max_size=5), st.randoms())
def test_order_within_an_instant_does_not_matter(same: list[tuple[tuple[float, ...], float]], random: object) -> None:
    """Readings of one instant lead to one belief in whatever order they come."""
    shuffled = list(same)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = MoodTracker(MoodConfig()), MoodTracker(MoodConfig())
    for tracker, readings in ((one, same), (other, shuffled)):
        tracker.update(reading(Expression.SAD, 0.0))
        for values, weight in readings:
            tracker.update(Reading(values, 1.0, weight))
    assert one.probabilities == other.probabilities
    assert one.update(reading(Expression.SAD, 2.0)) == other.update(reading(Expression.SAD, 2.0))


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(Expression), st.floats(0.3, 1), st.floats(0.5, 30))
def test_a_constant_reading_becomes_the_mood(expression: Expression, sure: float, rate: float) -> None:
    """A reading that does not change is the mood in the end, however unsure, at any frame rate, and is told once."""
    tracker = MoodTracker(MoodConfig())
    told = [tracker.update(reading(expression, i / rate, sure)) for i in range(round(60 * rate))]
    moods = [mood for mood in told if mood is not None]
    assert [mood.expression for mood in moods] == [expression]
    assert max(tracker.probabilities) == tracker.probabilities[expression] > 0.6


@settings(deadline=None)
@given(probabilities, st.floats(-100, 9.99) | st.just(math.nan) | st.just(math.inf))
def test_time_going_back_is_harmless(values: tuple[float, ...], at: float) -> None:
    """A reading from before the last, or from no time at all, changes nothing."""
    tracker = MoodTracker(MoodConfig())
    tracker.update(reading(Expression.HAPPY, 10.0))
    before = tracker.probabilities
    assert tracker.update(Reading(values, at)) is None
    assert tracker.nobody(at) is None
    assert tracker.probabilities == before


def test_time_standing_still_is_harmless() -> None:
    """A thousand readings of one instant count as one: their number proves nothing."""
    one, many = MoodTracker(MoodConfig()), MoodTracker(MoodConfig())
    for tracker, count in ((one, 1), (many, 1000)):
        tracker.update(reading(Expression.NEUTRAL, 0.0))
        for _ in range(count):
            tracker.update(reading(Expression.HAPPY, 0.1))
    assert many.probabilities == pytest.approx(one.probabilities)


def test_the_frame_rate_makes_no_proof() -> None:
    """Four times the frames of one face lead to nearly the same belief."""
    beliefs = []
    for rate in (5, 20):
        tracker = MoodTracker(MoodConfig())
        settle(tracker, Expression.NEUTRAL, 0, 30, rate)
        settle(tracker, Expression.HAPPY, 30, 1, rate)
        beliefs.append(tracker.probabilities[Expression.HAPPY])
    assert beliefs[0] == pytest.approx(beliefs[1], abs=0.1)


def test_news_counts_more_than_the_same_again() -> None:
    """Each half second of a new expression moves the odds by less than the one before: in the end, less than half."""
    tracker = MoodTracker(MoodConfig(hold=86400))
    settle(tracker, Expression.NEUTRAL, 0, 10)
    odds = []
    for half in range(12):
        belief = tracker.probabilities
        odds.append(math.log(belief[Expression.HAPPY] / belief[Expression.NEUTRAL]))
        settle(tracker, Expression.HAPPY, 10 + half / 2, 0.5)
    gained = [after - before for before, after in itertools.pairwise(odds)]
    assert gained[:4] == sorted(gained[:4], reverse=True)
    assert gained[-1] < gained[0] / 2


@pytest.mark.parametrize("rate", [5, 20])
def test_trembling_readings_are_no_proof(rate: int) -> None:
    """Readings that flicker about their mean move the belief little further than that mean does."""
    calm, trembling = MoodTracker(MoodConfig()), MoodTracker(MoodConfig())
    for tracker, tremble in ((calm, 0.0), (trembling, 0.15)):
        settle(tracker, Expression.NEUTRAL, 0, 30, rate)
        for i in range(rate):
            tracker.update(reading(Expression.HAPPY, 30 + i / rate, 0.7 + tremble * (-1) ** i))
    assert trembling.probabilities[Expression.HAPPY] == pytest.approx(calm.probabilities[Expression.HAPPY], abs=0.1)


@pytest.mark.parametrize("wrong", Expression)
def test_a_short_misreading_passes(wrong: Expression) -> None:
    """Half a second of anything else does not change a settled mood."""
    tracker = MoodTracker(MoodConfig())
    settle(tracker, Expression.NEUTRAL, 0, 30)
    assert settle(tracker, wrong, 30, 0.5) + settle(tracker, Expression.NEUTRAL, 30.5, 10) == []


def test_a_real_change_is_followed_within_seconds() -> None:
    """A clear new expression is the mood within four seconds."""
    tracker = MoodTracker(MoodConfig())
    settle(tracker, Expression.NEUTRAL, 0, 60)
    [mood] = settle(tracker, Expression.HAPPY, 60, 10)
    assert mood.expression == Expression.HAPPY
    assert mood.at - 60 <= 4


def test_two_equals_do_not_take_turns() -> None:
    """Two expressions in quick turns bring one mood at most."""
    tracker = MoodTracker(MoodConfig())
    told = [tracker.update(reading((Expression.SAD, Expression.ANGRY)[i % 2], i / 8)) for i in range(800)]
    assert sum(mood is not None for mood in told) <= 1


def test_nobody_for_long_is_absent_once() -> None:
    """After `absent_after` without a face nobody is there; that is told once, and not a moment sooner."""
    tracker = MoodTracker(MoodConfig(absent_after=10))
    settle(tracker, Expression.HAPPY, 0, 20)
    told = [(at, tracker.nobody(at)) for at in [20 + i / 4 for i in range(200)]]
    [(at, mood)] = [(at, mood) for at, mood in told if mood is not None]
    assert mood.expression is None
    assert mood.probabilities == ()
    assert at - 19.875 == pytest.approx(10, abs=0.3)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(Expression), st.floats(1, 60), st.lists(st.floats(0.05, 90), min_size=1, max_size=40).map(sorted)
)
def test_nobody_is_absent_whatever_the_frame_times(expression: Expression, after: float, gaps: list[float]) -> None:
    """Absence is told in the first frame that comes `absent_after` since the last face or later, once, however rare."""
    tracker = MoodTracker(MoodConfig(absent_after=after))
    settle(tracker, expression, 0, 5, rate=8)
    last = 5 - 1 / 8
    told = [gap for gap in gaps if tracker.nobody(last + gap) is not None]
    assert told == [gap for gap in gaps if last + gap - last >= after][:1]


def test_an_empty_room_at_the_start_is_absent_too() -> None:
    """Who starts with nobody there is told so."""
    tracker = MoodTracker(MoodConfig(absent_after=5))
    assert tracker.nobody(100.0) is None
    assert tracker.nobody(105.0) == Mood(None, 0.0, (), 105.0)


def test_who_returns_is_told_again() -> None:
    """The same mood after an absence is news."""
    tracker = MoodTracker(MoodConfig(absent_after=2))
    settle(tracker, Expression.HAPPY, 0, 20)
    tracker.nobody(30.0)
    assert [mood.expression for mood in settle(tracker, Expression.HAPPY, 31, 20)] == [Expression.HAPPY]


def test_who_returns_starts_anew() -> None:
    """Even in the instant in which nobody was there, one reading does not bring the former mood back."""
    tracker = MoodTracker(MoodConfig(absent_after=2))
    settle(tracker, Expression.HAPPY, 0, 20)
    assert tracker.nobody(30.0) == Mood(None, 0.0, (), 30.0)
    assert tracker.update(reading(Expression.HAPPY, 30.0)) is None


def test_a_gap_is_not_read_as_agreement() -> None:
    """After an hour without frames little is left of what was believed, and one reading does not stand for the hour."""
    tracker = MoodTracker(MoodConfig())
    settle(tracker, Expression.HAPPY, 0, 60)
    assert tracker.update(reading(Expression.SAD, 3660.0)) is None
    assert tracker.probabilities[Expression.HAPPY] < 0.2


def test_a_reading_without_weight_says_that_somebody_is_there() -> None:
    """It neither moves the belief away nor lets the face count as gone."""
    tracker = MoodTracker(MoodConfig(absent_after=2))
    settle(tracker, Expression.HAPPY, 0, 30)
    for i in range(200):
        assert tracker.update(reading(Expression.ANGRY, 30 + i / 8, weight=0.0)) is None
    assert max(range(7), key=tracker.probabilities.__getitem__) == Expression.HAPPY
    assert tracker.nobody(56.0) is None


def test_the_threshold_may_be_raised_while_running() -> None:
    """With a threshold that nothing reaches, no mood comes; lowered, it does."""
    tracker = MoodTracker(MoodConfig())
    tracker.threshold = 1.0
    assert settle(tracker, Expression.HAPPY, 0, 30) == []
    tracker.threshold = 0.7
    assert len(settle(tracker, Expression.HAPPY, 30, 5)) == 1


@settings(deadline=None)
@given(confusions)
def test_rarer_names_weigh_more(counts: list[list[int]]) -> None:
    """What the network names more seldom gets the larger factor, and none is zero or without bound."""
    named = [sum(column) for column in zip(*counts, strict=True)]
    factors = rarity(frequencies(counts))
    assert all(0 < factor < 1000 for factor in factors)
    for (one, first), (other, second) in itertools.combinations(zip(named, factors, strict=True), 2):
        assert one == other or (one < other) == (first > second)
