"""Learning people: what is tested is never what was learned."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mien.expression import Expression
from mien_training.evaluation.other_people import (
    WAYS,
    all_but_one,
    compare_calibration,
    format_comparison,
    neutral_alone,
    one_of_each,
)

NEUTRAL, HAPPY, SAD = Expression.NEUTRAL, Expression.HAPPY, Expression.SAD
MEANS = 4 * (np.eye(7) - 1 / 7)

owned = st.dictionaries(st.sampled_from(Expression), st.integers(1, 4), min_size=1)


def numbered(counts: Mapping[Expression, int]) -> dict[Expression, list[int]]:
    """Return consecutive indices for so many pictures of each expression."""
    ends = np.cumsum(list(counts.values())).tolist()
    return {key: list(range(end - count, end)) for (key, count), end in zip(counts.items(), ends, strict=True)}


@given(owned, st.data())
def test_a_tested_picture_is_never_learned(counts: dict[Expression, int], data: st.DataObject) -> None:
    """For any person and any way; what is learned are that person's pictures under their own expression."""
    own = numbered(counts)
    tested = data.draw(st.sampled_from([index for indices in own.values() for index in indices]))
    for choose in WAYS.values():
        for key, indices in choose(tested, own).items():
            assert indices
            assert tested not in indices
            assert set(indices) <= set(own[key])


def test_the_ways_by_hand() -> None:
    """Two neutral, two happy, one sad: the sad one cannot be tested with one of each."""
    own = {NEUTRAL: [0, 1], HAPPY: [2, 3], SAD: [4]}
    assert one_of_each(0, own) == {NEUTRAL: [1], HAPPY: [3], SAD: [4]}
    assert one_of_each(3, own) == {NEUTRAL: [0], HAPPY: [2], SAD: [4]}
    assert one_of_each(4, own) == {}
    assert all_but_one(4, own) == {NEUTRAL: [0, 1], HAPPY: [2, 3]}
    assert neutral_alone(0, own) == {NEUTRAL: [1]}
    assert neutral_alone(4, own) == {NEUTRAL: [0]}
    assert neutral_alone(2, {HAPPY: [2]}) == {}


def simulated(shift: float) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.str_]]:
    """Return six people, two pictures of each expression, whose neutral faces look sad by `shift`."""
    rng = np.random.default_rng(0)
    labels = np.tile(np.repeat(np.arange(7), 2), 6)
    evidence = MEANS[labels] + rng.normal(0, 0.3, (len(labels), 7))
    evidence[labels == NEUTRAL, SAD] += shift
    evidence -= evidence.mean(axis=1, keepdims=True)
    return evidence.astype(np.float32), labels, np.repeat([f"p{i}" for i in range(6)], 14)


def test_learning_helps_people_who_look_sad() -> None:
    """Their neutral faces are called sad before, and neutral after one other picture of each expression."""
    comparison = compare_calibration(*simulated(shift=5.0), MEANS, one_of_each)
    assert comparison is not None
    assert comparison.before["recall"]["neutral"] < 0.2
    assert comparison.after["recall"]["neutral"] > 0.9
    assert (comparison.people, comparison.worse) == (6, 0)
    assert "neutral 0.0" in format_comparison("one picture", comparison)


@pytest.mark.parametrize("choose", WAYS.values(), ids=WAYS)
def test_nobody_to_learn_from(choose: object) -> None:
    """One picture a person leaves nothing to test."""
    evidence, labels, _ = simulated(0.0)
    people = np.array([str(i) for i in range(len(labels))])
    assert compare_calibration(evidence, labels, people, MEANS, choose) is None  # type: ignore[arg-type]
