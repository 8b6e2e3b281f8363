"""The starter catalogue, and what is chosen from it."""

from __future__ import annotations

import math
from collections import Counter

import pytest

from mien.expression import Expression
from mien.music.catalog.starter import starter
from mien.music.recommend.ranker import recommend

TRACKS = starter()


def only(expression: Expression) -> tuple[float, ...]:
    return tuple(float(e == expression) for e in Expression)


def distance(valence: float, energy: float, expression: Expression) -> float:
    return math.dist((2 * valence - 1, 2 * energy - 1), (expression.valence, expression.arousal))


def test_the_starter_catalogue_is_wide() -> None:
    """At least 210 songs over four decades, many genres and languages, none twice, values in range."""
    assert len(TRACKS) >= 210
    assert len({(track.year or 0) // 10 for track in TRACKS}) >= 4
    assert len({track.genre for track in TRACKS}) >= 15
    assert len({track.language for track in TRACKS}) >= 12
    assert len({(track.title.casefold(), track.artist.casefold()) for track in TRACKS}) == len(TRACKS)
    assert all(
        0 <= track.valence <= 1 and 0 <= track.energy <= 1 and 40 <= (track.tempo or 0) <= 240 for track in TRACKS
    )
    assert max(Counter(track.artist for track in TRACKS).values()) <= 3


@pytest.mark.parametrize("expression", Expression)
def test_every_expression_has_songs_of_its_own(expression: Expression) -> None:
    """At least thirty songs stand within 0.35 of each expression's place, and at least thirty nearest to it."""
    near = [t for t in TRACKS if distance(t.valence, t.energy, expression) <= 0.35]
    nearest = [t for t in TRACKS if min(Expression, key=lambda e: distance(t.valence, t.energy, e)) == expression]
    assert len(near) >= 30
    assert len(nearest) >= 30


@pytest.mark.parametrize("expression", Expression)
def test_a_match_is_near_the_expression(expression: Expression) -> None:
    """Songs that match one sure expression stand near its place."""
    for choice in recommend(only(expression), TRACKS, 5):
        assert distance(choice.track.valence, choice.track.energy, expression) < 0.4


def test_the_whole_probability_vector_counts() -> None:
    """Two vectors with one leader but other seconds give other songs."""
    calm = (0.2, 0.0, 0.45, 0.0, 0.35, 0.0, 0.0)
    glad = (0.2, 0.35, 0.45, 0.0, 0.0, 0.0, 0.0)
    assert [c.track for c in recommend(calm, TRACKS, 8)] != [c.track for c in recommend(glad, TRACKS, 8)]


def test_lift_climbs_and_calm_comes_down() -> None:
    """A lifting list ends brighter than it begins, a calming one lower in energy."""
    lifted = [c.track.valence for c in recommend(only(Expression.SAD), TRACKS, 8, "lift")]
    assert lifted[-1] > lifted[0] + 0.2
    calmed = [c.track.energy for c in recommend(only(Expression.ANGRY), TRACKS, 8, "calm")]
    assert calmed[-1] < calmed[0] - 0.2


def test_every_recommendation_has_a_reason() -> None:
    """The reason names the expression."""
    for choice in recommend(only(Expression.SURPRISE), TRACKS, 5):
        assert "surprise" in choice.why


def test_few_tracks_give_few_songs() -> None:
    """A list longer than the catalogue ends with the catalogue."""
    assert len(recommend(only(Expression.HAPPY), TRACKS[:3], 10)) <= 3
    assert recommend(only(Expression.HAPPY), [], 10) == []
