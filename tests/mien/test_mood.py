"""The mood tracker: its properties for any readings."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.config import MoodConfig
from mien.events import Mood, Reading
from mien.expression import Expression
from mien.mood import PRIOR, MoodTracker

SURE = 0.9

probabilities = (
    st.lists(st.floats(0, 1), min_size=7, max_size=7)
    .filter(lambda p: sum(p) > 1e-3)
    .map(lambda p: tuple(x / sum(p) for x in p))
)
times = st.floats(allow_nan=True, allow_infinity=True) | st.floats(0, 1000)


def reading(expression: Expression, at: float, sure: float = SURE, weight: float = 1.0) -> Reading:
    rest = (1 - sure) / 6
    return Reading(tuple(sure if other == expression else rest for other in Expression), at, weight)


def update(tracker: MoodTracker, reading: Reading) -> Mood | None:
    """Update the tracker with a reading at the reading's own time."""
    return tracker.update(reading, reading.at)


def settle(tracker: MoodTracker, expression: Expression, start: float, seconds: float, rate: float = 8) -> list[Mood]:
    """Return the moods while an expression is shown."""
    moods = [update(tracker, reading(expression, start + i / rate)) for i in range(round(seconds * rate))]
    return [mood for mood in moods if mood is not None]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(probabilities, times, st.floats(0, 1), st.booleans()), max_size=30))
def test_the_posterior_is_a_probability_distribution(
    steps: list[tuple[tuple[float, ...], float, float, bool]],
) -> None:
    """For any frames at any times, each probability stays within 0 to 1 and they sum to 1."""
    tracker = MoodTracker(MoodConfig())
    for values, at, weight, face_in_view in steps:
        mood = tracker.update(Reading(values, at, weight) if face_in_view else None, at)
        posterior = tracker.probabilities if mood is None or mood.expression is None else mood.probabilities
        assert all(0 <= p <= 1 for p in posterior)
        assert math.isclose(sum(posterior), 1, abs_tol=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(probabilities, st.floats(0, 1)), min_size=2, max_size=5), st.randoms())
def test_order_within_an_instant_does_not_matter(same: list[tuple[tuple[float, ...], float]], random: object) -> None:
    """Readings of one instant lead to the same posterior in any order."""
    shuffled = list(same)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = MoodTracker(MoodConfig()), MoodTracker(MoodConfig())
    for tracker, readings in ((one, same), (other, shuffled)):
        update(tracker, reading(Expression.SAD, 0.0))
        for values, weight in readings:
            tracker.update(Reading(values, 1.0, weight), 1.0)
    assert one.probabilities == other.probabilities
    assert update(one, reading(Expression.SAD, 2.0)) == update(other, reading(Expression.SAD, 2.0))


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(Expression), st.floats(0.3, 1), st.floats(0.5, 30))
def test_a_constant_reading_becomes_the_mood(expression: Expression, sure: float, rate: float) -> None:
    """A reading that does not change is the mood in the end, however uncertain, at any frame rate, and once only."""
    tracker = MoodTracker(MoodConfig())
    updates = [update(tracker, reading(expression, i / rate, sure)) for i in range(round(60 * rate))]
    moods = [mood for mood in updates if mood is not None]
    assert [mood.expression for mood in moods] == [expression]
    assert max(tracker.probabilities) == tracker.probabilities[expression] > 0.6


@settings(deadline=None)
@given(probabilities, st.floats(-100, 9.99) | st.just(math.nan) | st.just(math.inf))
def test_time_going_back_is_harmless(values: tuple[float, ...], at: float) -> None:
    """A reading from before the last, or from a time that is not finite, changes nothing."""
    tracker = MoodTracker(MoodConfig())
    update(tracker, reading(Expression.HAPPY, 10.0))
    before = tracker.probabilities
    assert tracker.update(Reading(values, at), at) is None
    assert tracker.update(None, at) is None
    assert tracker.probabilities == before


def test_time_standing_still_is_harmless() -> None:
    """A thousand readings of one instant count as one: their number is not evidence."""
    one, many = MoodTracker(MoodConfig()), MoodTracker(MoodConfig())
    for tracker, count in ((one, 1), (many, 1000)):
        update(tracker, reading(Expression.NEUTRAL, 0.0))
        for _ in range(count):
            update(tracker, reading(Expression.HAPPY, 0.1))
    assert many.probabilities == pytest.approx(one.probabilities)


def test_the_frame_rate_is_not_evidence() -> None:
    """Four times the frames of one face lead to nearly the same posterior."""
    posteriors = []
    for rate in (5, 20):
        tracker = MoodTracker(MoodConfig())
        settle(tracker, Expression.NEUTRAL, 0, 30, rate)
        settle(tracker, Expression.HAPPY, 30, 1, rate)
        posteriors.append(tracker.probabilities[Expression.HAPPY])
    assert posteriors[0] == pytest.approx(posteriors[1], abs=0.1)


def test_a_novel_reading_counts_more_than_a_repeated_one() -> None:
    """Each half second of a new expression moves the odds by less than the one before: in the end, less than half."""
    tracker = MoodTracker(MoodConfig(hold=86400))
    settle(tracker, Expression.NEUTRAL, 0, 10)
    odds = []
    for half in range(12):
        posterior = tracker.probabilities
        odds.append(math.log(posterior[Expression.HAPPY] / posterior[Expression.NEUTRAL]))
        settle(tracker, Expression.HAPPY, 10 + half / 2, 0.5)
    gains = [after - before for before, after in itertools.pairwise(odds)]
    assert gains[:4] == sorted(gains[:4], reverse=True)
    assert gains[-1] < gains[0] / 2


@pytest.mark.parametrize("rate", [5, 20])
def test_noisy_readings_are_not_evidence(rate: int) -> None:
    """Readings that jitter about their mean move the posterior little further than that mean does."""
    constant, noisy = MoodTracker(MoodConfig()), MoodTracker(MoodConfig())
    for tracker, noise in ((constant, 0.0), (noisy, 0.15)):
        settle(tracker, Expression.NEUTRAL, 0, 30, rate)
        for i in range(rate):
            update(tracker, reading(Expression.HAPPY, 30 + i / rate, 0.7 + noise * (-1) ** i))
    assert noisy.probabilities[Expression.HAPPY] == pytest.approx(constant.probabilities[Expression.HAPPY], abs=0.1)


@pytest.mark.parametrize("wrong", Expression)
def test_a_short_misreading_is_ignored(wrong: Expression) -> None:
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


def test_two_equals_do_not_alternate() -> None:
    """Two expressions in quick alternation cause one mood at most."""
    tracker = MoodTracker(MoodConfig())
    moods = [update(tracker, reading((Expression.SAD, Expression.ANGRY)[i % 2], i / 8)) for i in range(800)]
    assert sum(mood is not None for mood in moods) <= 1


def test_absence_is_reported_once() -> None:
    """After `absent_after` seconds without a face there is a mood without expression, once, and no sooner."""
    tracker = MoodTracker(MoodConfig(absent_after=10))
    settle(tracker, Expression.HAPPY, 0, 20)
    moods = [(at, tracker.update(None, at)) for at in [20 + i / 4 for i in range(200)]]
    [(at, mood)] = [(at, mood) for at, mood in moods if mood is not None]
    assert mood.expression is None
    assert mood.probabilities == ()
    assert at - 19.875 == pytest.approx(10, abs=0.3)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(Expression), st.floats(1, 60), st.lists(st.floats(0.05, 90), min_size=1, max_size=40).map(sorted)
)
def test_absence_is_reported_at_any_frame_times(expression: Expression, after: float, gaps: list[float]) -> None:
    """Absence is reported once, in the first frame that is `absent_after` seconds after the last face, or later."""
    tracker = MoodTracker(MoodConfig(absent_after=after))
    settle(tracker, expression, 0, 5, rate=8)
    last = 5 - 1 / 8
    reported = [gap for gap in gaps if tracker.update(None, last + gap) is not None]
    assert reported == [gap for gap in gaps if last + gap - last >= after][:1]


def test_absence_at_the_start_is_reported() -> None:
    """A room that is empty from the start is reported as such."""
    tracker = MoodTracker(MoodConfig(absent_after=5))
    assert tracker.update(None, 100.0) is None
    assert tracker.update(None, 105.0) == Mood(None, 0.0, (), 105.0)


def test_a_mood_is_reported_again_after_an_absence() -> None:
    """The same mood after an absence is a change."""
    tracker = MoodTracker(MoodConfig(absent_after=2))
    settle(tracker, Expression.HAPPY, 0, 20)
    tracker.update(None, 30.0)
    assert [mood.expression for mood in settle(tracker, Expression.HAPPY, 31, 20)] == [Expression.HAPPY]


def test_an_absence_resets_the_filter() -> None:
    """Even in the instant of the absence, one reading does not restore the former mood."""
    tracker = MoodTracker(MoodConfig(absent_after=2))
    settle(tracker, Expression.HAPPY, 0, 20)
    assert tracker.update(None, 30.0) == Mood(None, 0.0, (), 30.0)
    assert update(tracker, reading(Expression.HAPPY, 30.0)) is None


def test_a_gap_is_not_evidence() -> None:
    """After an hour without frames little is left of the posterior, and one reading does not count for the hour."""
    tracker = MoodTracker(MoodConfig())
    settle(tracker, Expression.HAPPY, 0, 60)
    assert update(tracker, reading(Expression.SAD, 3660.0)) is None
    assert tracker.probabilities[Expression.HAPPY] < 0.2


def test_a_reading_without_weight_prevents_absence() -> None:
    """It does not move the posterior, but a face is in view."""
    tracker = MoodTracker(MoodConfig(absent_after=2))
    settle(tracker, Expression.HAPPY, 0, 30)
    for i in range(200):
        assert update(tracker, reading(Expression.ANGRY, 30 + i / 8, weight=0.0)) is None
    assert max(range(7), key=tracker.probabilities.__getitem__) == Expression.HAPPY
    assert tracker.update(None, 56.0) is None


def test_the_threshold_may_be_raised_while_running() -> None:
    """With a threshold that nothing reaches there is no mood; with a lower one there is."""
    tracker = MoodTracker(MoodConfig())
    tracker.threshold = 1.0
    assert settle(tracker, Expression.HAPPY, 0, 30) == []
    tracker.threshold = 0.7
    assert len(settle(tracker, Expression.HAPPY, 30, 5)) == 1


def test_the_prior_is_a_distribution_with_mostly_neutral() -> None:
    """Its shares are positive and sum to 1, and neutral has more than all others together."""
    assert min(PRIOR) > 0
    assert math.fsum(PRIOR) == pytest.approx(1)
    assert PRIOR[Expression.NEUTRAL] > 0.5


def test_a_first_reading_multiplies_the_prior() -> None:
    """The posterior after one reading is Bayes' rule: prior times likelihood, normalised."""
    tracker = MoodTracker(MoodConfig())
    likelihoods = (0.1, 0.2, 0.3, 0.15, 0.1, 0.1, 0.05)
    tracker.update(Reading(likelihoods, 0.0), 0.0)
    products = [prior * likelihood for prior, likelihood in zip(PRIOR, likelihoods, strict=True)]
    assert tracker.probabilities == pytest.approx([value / sum(products) for value in products], abs=0.01)


def mixed(at: float, **shares: float) -> Reading:
    """Return a reading with these probabilities, and the rest shared by the other expressions."""
    rest = (1 - sum(shares.values())) / (7 - len(shares))
    return Reading(tuple(shares.get(expression.label, rest) for expression in Expression), at)


def test_the_tracker_adapts_to_a_face_that_looks_sad() -> None:
    """A resting face that is read as rather sad than neutral becomes neutral in time; a sadder one is still sad."""
    tracker = MoodTracker(MoodConfig())
    moods = [tracker.update(mixed(at / 4, sad=0.45, neutral=0.35), at / 4) for at in range(4 * 1200)]
    assert [mood.expression for mood in moods if mood][-1] == Expression.NEUTRAL
    [mood] = settle(tracker, Expression.SAD, 1200, 20)
    assert mood.expression == Expression.SAD


@pytest.mark.parametrize("expression", Expression)
def test_a_clear_expression_remains_the_mood(expression: Expression) -> None:
    """However long it is shown: two hours."""
    tracker = MoodTracker(MoodConfig())
    assert [mood.expression for mood in settle(tracker, expression, 0, 7200, rate=1)] == [expression]


def test_the_tracker_stays_adapted_after_an_absence() -> None:
    """Whoever was there comes back; only a reset begins from the start."""
    tracker = MoodTracker(MoodConfig(absent_after=2))
    settle(tracker, Expression.SAD, 0, 1800, rate=2)
    adapted = tracker._usual[Expression.SAD]
    tracker.update(None, 2000.0)
    assert tracker._usual[Expression.SAD] == adapted > 0.5
    tracker.reset()
    assert tracker._usual == PRIOR


def test_poor_pictures_do_not_adapt_it() -> None:
    """Readings without weight, and one reading after an hour, leave the average where it was."""
    tracker = MoodTracker(MoodConfig())
    for at in range(100):
        tracker.update(reading(Expression.SAD, float(at), weight=0.0), float(at))
    assert tracker._usual == pytest.approx(PRIOR)
    update(tracker, reading(Expression.SAD, 3700.0))
    assert tracker._usual[Expression.SAD] - PRIOR[Expression.SAD] < 0.002
