"""benchmarks/simulator.py: streams with a known truth."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from benchmarks.simulator import SCHEDULES, Moment, Pool, jitter, score, stream

from mien.events import Reading
from mien.expression import Expression


def pool(*present: Expression) -> Pool:
    """Return one certain reading of each of these expressions, none of the others."""
    return [np.eye(7)[[expression] * (expression in present)] for expression in Expression]


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("present", [(Expression.NEUTRAL, Expression.HAPPY), tuple(Expression)], ids=["two", "all"])
def test_a_stream_has_only_the_expressions_of_a_person(name: str, present: tuple[Expression, ...]) -> None:
    """As truth and as readings, disturbances too; both schedules begin with neutral and have other moods."""
    moments = list(stream(pool(*present), SCHEDULES[name], 0.2, np.random.default_rng(1)))
    assert moments[0].truth == Expression.NEUTRAL
    assert 1 < len({moment.truth for moment in moments}) <= len(present)
    assert {moment.truth for moment in moments} <= set(present)
    assert {moment.reading.expression for moment in moments if moment.reading} <= set(present)
    assert moments[-1].at == pytest.approx(720, abs=1)


def test_a_living_room_is_mostly_neutral() -> None:
    """A minute of neutral after each other expression, which lasts some seconds."""
    moments = list(stream(pool(*Expression), SCHEDULES["living room"], 2, np.random.default_rng(1)))
    assert 0.7 < np.mean([moment.truth == Expression.NEUTRAL for moment in moments]) < 0.95
    truths = [moment.truth for moment in moments]
    changes = [(one, other) for one, other in itertools.pairwise(truths) if one != other]
    assert all(Expression.NEUTRAL in change for change in changes)


def test_scores_by_hand() -> None:
    """Ten seconds of neutral, ten of happy: followed after two seconds, with one false change to sad."""

    class Script:
        def update(self, moment: Moment) -> Expression | None:
            if moment.at < 10:
                return Expression.NEUTRAL
            return Expression.SAD if moment.at < 12 else Expression.HAPPY

    moments = [
        Moment(float(at), Expression.NEUTRAL if at < 10 else Expression.HAPPY, Reading(tuple(np.eye(7)[0]), float(at)))
        for at in range(21)
    ]
    result = score(moments, Script())
    assert result.false == pytest.approx(3600 / 20)
    assert result.right == pytest.approx(18 / 20, abs=0.051)
    assert result.followed == 1


def test_jitter_keeps_the_picture_nearly() -> None:
    """The same size and kind, and much the same grey levels, never twice alike."""
    face = np.tile(np.linspace(40, 200, 48).astype(np.uint8), (48, 1))[:, :, np.newaxis]
    rng = np.random.default_rng(0)
    one, other = jitter(face, rng), jitter(face, rng)
    assert (one.shape, one.dtype) == (face.shape, face.dtype)
    assert (one != other).any()
    assert abs(one.astype(int) - face).mean() < 40
