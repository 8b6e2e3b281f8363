"""The recommender's promises, for any mood and any songs."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.config import INTENTS, Intent
from mien.expression import Expression
from mien.music.catalog.records import Feedback, Track
from mien.music.catalog.starter import starter
from mien.music.recommend.feedback import FeedbackModel, preference
from mien.music.recommend.ranker import combine_scores, mood_place, normalize_probabilities, recommend, targets

HAPPY = tuple(float(e == Expression.HAPPY) for e in Expression)
SAD = tuple(float(e == Expression.SAD) for e in Expression)

relaxed = settings(deadline=None, max_examples=60)


def track(name: str, valence: float = 0.0, arousal: float = 0.0, artist: str = "", **facts: object) -> Track:
    base = Track(
        title=name,
        artist=artist or f"by {name}",
        uri=None,
        year=2000,
        language="",
        genre="",
        valence=(valence + 1) / 2,
        energy=(arousal + 1) / 2,
        tempo=120.0,
        place=(valence, arousal),
        track_id=f"{artist or f'by {name}'}\t{name}",
    )
    return replace(base, **facts)  # type: ignore[arg-type] # the callers give what fits


unit = st.floats(-1, 1)
shares = st.lists(st.floats(0, 1), min_size=7, max_size=7).map(tuple)
anything = st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=9).map(tuple)
catalogs = st.lists(
    st.tuples(st.integers(0, 40), unit, unit, st.integers(0, 5), st.booleans(), st.booleans()), max_size=30
).map(
    lambda rows: [
        track(f"{n}", v, a, artist=f"artist {who}", in_library=own, explicit=dirty) for n, v, a, who, own, dirty in rows
    ]
)
intents = st.sampled_from([*INTENTS])
judgements = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 5), unit, unit, st.floats(0, 1), shares), max_size=12
).map(
    lambda rows: [
        Feedback(f"artist {who}\t{n}", f"artist {who}", f"{n}", (v, a), mood, heard, 0.0)
        for n, who, v, a, heard, mood in rows
    ]
)


@relaxed
@given(shares, catalogs, intents, judgements, st.integers(0, 2**32), st.randoms(use_true_random=False))
def test_same_seed_same_list(
    mood: tuple[float, ...],
    tracks: list[Track],
    intent: Intent,
    feedback: list[Feedback],
    seed: int,
    rng: Random,
) -> None:
    """The same mood, songs, history and seed give the same list, in whatever order the songs come."""
    tracks = list({t.track_id: t for t in tracks}.values())
    once = recommend(mood, tracks, 6, intent, seed=seed, feedback=feedback)
    rng.shuffle(tracks)
    assert recommend(mood, tracks, 6, intent, seed=seed, feedback=feedback) == once


def test_another_seed_another_list() -> None:
    """The jitter is real: twenty seeds do not all give one list."""
    lists = {tuple(c.track.track_id for c in recommend(HAPPY, starter(), 5, seed=seed)) for seed in range(20)}
    assert len(lists) > 5


def test_days_differ_but_fit() -> None:
    """Of two days' lists at least a fifth differs, and the jitter never picks songs that are far from the mood."""
    there = mood_place(HAPPY)
    near = [track(f"{n}", there[0] - 0.004 * n, there[1]) for n in range(40)]
    far = [track(f"far {n}", there[0] - 1, there[1]) for n in range(40)]
    days = [{c.track.track_id for c in recommend(HAPPY, near + far, 20, seed=seed)} for seed in range(8)]
    assert all(len(one - other) >= 4 for one, other in itertools.pairwise(days))
    assert not {t.track_id for t in far} & set().union(*days)


@relaxed
@given(shares, catalogs, intents, st.sets(st.integers(0, 40)), st.booleans())
def test_never_a_repeat_and_every_song_exists(
    mood: tuple[float, ...], tracks: list[Track], intent: Intent, played: set[int], explicit: bool
) -> None:
    """What was played lately does not come, nothing comes twice, all that is left may come, and nothing is made up."""
    avoid = {t.track_id for t in tracks if int(t.title) in played}
    free = {t.track_id for t in tracks if t.track_id not in avoid}
    chosen = [c.track for c in recommend(mood, tracks, 50, intent, avoid=avoid, explicit=explicit)]
    identities = [t.track_id for t in chosen]
    assert len(identities) == len(set(identities))
    assert not avoid & set(identities)
    assert all(t in tracks for t in chosen)
    if explicit:
        assert set(identities) == free
    else:
        assert not any(t.explicit for t in chosen)


@relaxed
@given(shares, unit, unit, st.floats(0, 1), judgements, st.booleans())
def test_closer_is_never_worse(
    mood: tuple[float, ...], valence: float, arousal: float, nearer: float, feedback: list[Feedback], own: bool
) -> None:
    """A song that stands nearer to the target has no lower score, all else equal."""
    target = mood_place(normalize_probabilities(mood))
    place = (valence + nearer * (target[0] - valence), arousal + nearer * (target[1] - arousal))
    other = track("other", in_library=True)
    learned = [item for item in feedback if math.dist(item.place, place) > 2]  # the neighbourhood shall not differ

    def score(where: tuple[float, float]) -> float:
        choices = recommend(mood, [track("it", in_library=own, place=where), other], 2, feedback=learned)
        return next(c.score for c in choices if c.track.title == "it")

    assert score(place) >= score((valence, arousal))


@relaxed
@given(st.floats(0, 1), st.floats(0, 1), unit, unit, st.booleans())
def test_the_score_rises_with_closeness_and_feedback(
    near: float, far: float, one: float, other: float, foreign: bool
) -> None:
    """Neither a closer song nor one that is liked more scores lower; scores stay within 0 and 1."""
    far, near = sorted((near, far))
    worse, better = sorted((one, other))
    not_owned = np.full(4, float(foreign))
    result = combine_scores(np.array([far, near, far, near]), np.array([worse, worse, better, better]), not_owned)
    assert (result >= 0).all()
    assert (result <= 1).all()
    assert result[0] <= result[1] + 1e-12
    assert result[0] <= result[2] + 1e-12
    assert max(result[1], result[2]) <= result[3] + 1e-12


@relaxed
@given(anything, intents)
def test_no_probability_vector_breaks_it(mood: tuple[float, ...], intent: Intent) -> None:
    """NaN, infinities, negative numbers, nothing at all, too few and too many: there is always a list."""
    chosen = recommend(mood, [track("a"), track("b", 0.5, -0.5)], 2, intent)
    assert len(chosen) == 2
    assert all(0 <= c.score <= 1 and c.why for c in chosen)


def test_an_undecided_mood_is_drawn_to_neutral() -> None:
    """Happy without a doubt stands at happy's place, an empty vector in the middle, a doubtful one between."""
    assert mood_place(HAPPY) == pytest.approx((Expression.HAPPY.valence, Expression.HAPPY.arousal))
    assert mood_place((1 / 7,) * 7) == pytest.approx((0, 0), abs=1e-9)
    doubtful = mood_place((0.3, 0.7, 0, 0, 0, 0, 0))
    assert 0 < doubtful[0] < 0.7 * Expression.HAPPY.valence


def test_lift_and_calm_begin_at_the_mood() -> None:
    """The iso principle: the first place is the mood's, every next one nearer to the goal, none beyond it."""
    for intent in ("lift", "calm"):
        path = targets(SAD, intent, 6)
        assert path[0] == mood_place(SAD)
        valences = [valence for valence, _ in path]
        assert valences == sorted(valences)
    assert targets(SAD, "calm", 6)[-1][1] < Expression.SAD.arousal
    assert targets(SAD, "lift", 6)[-1][1] > Expression.SAD.arousal


def test_own_songs_come_first() -> None:
    """A song of one's own that fits nearly wins over a stranger that fits exactly, and one that does not fit loses."""
    there = mood_place(HAPPY)
    stranger = track("stranger", *there)
    near = track("near", there[0] - 0.15, there[1], in_library=True)
    away = track("away", *mood_place(SAD), in_library=True)
    assert [c.track for c in recommend(HAPPY, [stranger, away, near], 3)] == [near, stranger, away]


def test_artists_keep_their_distance() -> None:
    """No artist twice while there is another; one who was played lately only where there is no other."""
    crowd = [track(f"{n}", artist="same") for n in range(5)] + [track("x", 0.9, 0.9), track("y", -0.9, 0.9)]
    chosen = [c.track for c in recommend(HAPPY, crowd, 7)]
    assert len({t.artist for t in chosen[:3]}) == 3
    assert len(chosen) == 7
    rested = [c.track for c in recommend(HAPPY, crowd, 7, avoid_artists={"same"})]
    assert {t.title for t in rested[:2]} == {"x", "y"}


def test_variety_within_the_list() -> None:
    """Of songs at one place those of another genre and pace come before more of the same."""
    same = [track(f"same {n}", genre="rock") for n in range(8)]
    other = track("other", genre="jazz", tempo=70.0)
    for seed in range(10):
        titles = [c.track.title for c in recommend((1, 0, 0, 0, 0, 0, 0), [*same, other], 3, seed=seed)]
        assert "other" in titles


def feedback(song: Track, heard: float, mood: tuple[float, ...] = HAPPY, at: float = 0.0) -> Feedback:
    return Feedback(song.track_id, song.artist_key, song.title, song.place, mood, heard, at)


def test_a_skip_counts_in_its_mood() -> None:
    """A skip in the first third counts against song, artist and neighbours when happy, and not when sad."""
    song, sibling = track("song", 0.3, 0.3, artist="a"), track("sibling", -0.5, -0.5, artist="a")
    neighbour, stranger = track("neighbour", 0.35, 0.3), track("stranger", -0.5, -0.5)
    crowd = [song, sibling, neighbour, stranger]
    happy = FeedbackModel([feedback(song, 0.2)], HAPPY, now=0.0).scores(crowd)
    assert happy[0] < happy[1] < 0
    assert happy[2] < 0
    assert happy[3] == pytest.approx(0, abs=0.01)
    assert FeedbackModel([feedback(song, 0.2)], SAD, now=0.0).scores(crowd) == pytest.approx([0, 0, 0, 0])
    heard = FeedbackModel([feedback(song, 1.0)], HAPPY, now=0.0).scores(crowd)
    assert heard[0] > heard[1] > 0


def test_preferences() -> None:
    """Below a third is a no, to the end a yes, between them nothing falls back."""
    assert preference(0.0) == preference(0.33) == -1
    assert preference(0.34) == pytest.approx(0, abs=0.02)
    assert preference(1.0) == 1
    assert preference(0.5) < preference(0.7)


def test_it_adapts_within_a_dozen_songs() -> None:
    """A listener who skips all that is fast and plays out all that is slow gets slow songs after twelve."""

    def slow(song: Track) -> bool:
        return song.energy < 0.5

    neutral = (1.0, 0, 0, 0, 0, 0, 0)
    tracks, learned = starter(), list[Feedback]()
    before = [c.track for seed in range(5) for c in recommend(neutral, tracks, 10, seed=seed)]
    for step in range(12):
        avoid = {item.track_id for item in learned}
        [choice] = recommend(neutral, tracks, 1, seed=step, feedback=learned, avoid=avoid)
        learned.append(feedback(choice.track, 1.0 if slow(choice.track) else 0.1, neutral))
    avoid = {item.track_id for item in learned}
    after = [
        c.track for seed in range(5) for c in recommend(neutral, tracks, 10, seed=seed, feedback=learned, avoid=avoid)
    ]
    assert sum(map(slow, after)) / len(after) > sum(map(slow, before)) / len(before) + 0.2


def test_the_reason_includes_the_feedback() -> None:
    """The why names the mood, the user's own song, and what was heard out."""
    song = track("song", *mood_place(HAPPY), in_library=True)
    [choice] = recommend(HAPPY, [song], 1, feedback=[feedback(song, 1.0)])
    assert "happy" in choice.why
    assert "your own" in choice.why
    assert "heard it out" in choice.why
