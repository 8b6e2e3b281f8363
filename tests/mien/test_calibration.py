"""Calibration: a person's own faces are named better, nobody's much worse, whatever the readings are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mien.calibration import (
    STRENGTHS,
    Calibration,
    ExpressionSummary,
    HouseholdCalibration,
    choose_strength,
    cross_check,
    full_strength,
)
from mien.expression import Expression
from mien.vision.classifier import Classifier
from mien.vision.crop import resize
from mien.vision.photo import read_gray

Array = NDArray[np.float64]

MEANS = 6 * np.eye(7) - 6 / 7
"""Class means of a network that is right about most people."""

SHIFT = np.array([0.0, 0, 6, 0, 0, 0, -6])
"""Of a person whose every expression looks sad to that network."""


def centered(array: Array) -> Array:
    return np.asarray(array - array.mean(axis=-1, keepdims=True), np.float64)


def readings(expression: Expression, count: int, seed: int = 0, shift: Array = SHIFT) -> Array:
    """Return readings of a person showing an expression, (count, 7)."""
    rng = np.random.default_rng([seed, expression])
    return centered(MEANS[expression] + shift + rng.normal(0, 1, (count, 7)))


def shown(*expressions: Expression, count: int = 4, shift: Array = SHIFT) -> dict[Expression, Array]:
    return {expression: readings(expression, count, shift=shift) for expression in expressions}


def recall(evidence: NDArray[np.floating[Any]], expression: Expression) -> float:
    return float((evidence.argmax(axis=-1) == expression).mean())


def balanced(apply: HouseholdCalibration | Calibration | None, shift: Array = SHIFT) -> float:
    """Return the balanced recall over other readings of the person."""
    tests = [(expression, readings(expression, 200, seed=1, shift=shift)) for expression in Expression]
    return float(np.mean([recall(apply.apply(array) if apply else array, key) for key, array in tests]))


def test_a_person_is_named_better() -> None:
    """After one reading of each expression nearly all are right; after neutral alone, more than before."""
    before = balanced(None)
    assert before < 0.6
    assert balanced(Calibration.fit(shown(*Expression, count=1), MEANS)) > 0.95
    assert balanced(Calibration.fit(shown(*Expression, count=20), MEANS)) > 0.98
    assert balanced(Calibration.fit(shown(Expression.NEUTRAL), MEANS)) > before


def test_neutral_alone_makes_an_ordinary_person_no_worse() -> None:
    """For a person whose faces are classified well, little is moved."""
    nothing = np.zeros(7)
    calibration = Calibration.fit(shown(Expression.NEUTRAL, count=1, shift=nothing), MEANS)
    assert balanced(calibration, nothing) >= balanced(None, nothing) - 0.01


def test_means_move_most_of_the_way() -> None:
    """By 0.7 with one reading, by 0.85 with many; an expression that was not shown by half the others' shift."""
    one = Calibration.fit({Expression.HAPPY: (MEANS[1] + SHIFT)[None]}, MEANS)
    np.testing.assert_allclose(one.means[1], MEANS[1] + 0.7 * SHIFT)
    np.testing.assert_allclose(one.means[4], MEANS[4] + 0.35 * SHIFT)
    many = Calibration.fit({Expression.HAPPY: np.tile(MEANS[1] + SHIFT, (50, 1))}, MEANS)
    np.testing.assert_allclose(many.means[1], MEANS[1] + 0.85 * SHIFT)


def test_the_affine_map_is_the_formula() -> None:
    """The scores differ as z_k - b * |z - m_k|^2 does, by one factor."""
    calibration = Calibration.fit(shown(*Expression), MEANS)
    plain = readings(Expression.FEAR, 30, seed=2)
    distances = ((plain[:, None] - calibration.means) ** 2).sum(axis=2)
    formula = centered(plain - full_strength(MEANS) * distances)
    np.testing.assert_allclose(calibration.apply(plain) * 3.2, formula, rtol=1e-3, atol=1e-3)


def test_the_scale_of_the_network_does_not_matter() -> None:
    """Evidence of twice the scale, as of another network, gives the same result at twice the scale."""
    calibration = Calibration.fit(shown(*Expression), MEANS)
    twice = Calibration.fit({key: 2 * array for key, array in shown(*Expression).items()}, 2 * MEANS)
    plain = readings(Expression.SAD, 30, seed=2)
    np.testing.assert_allclose(twice.apply(2 * plain), 2 * calibration.apply(plain), rtol=1e-4, atol=1e-4)


def test_who_explains_a_reading_best_counts() -> None:
    """Two people of opposite shifts are both named better than without, and than either with the other's means."""
    ann, bob = (Calibration.fit(shown(*Expression, shift=np.asarray(sign * SHIFT)), MEANS) for sign in (1.0, -1.0))
    household = HouseholdCalibration({"ann": ann, "bob": bob}, MEANS)
    for shift, other in ((SHIFT, bob), (-SHIFT, ann)):
        assert balanced(household, shift) > max(balanced(None, shift), balanced(other, shift)) + 0.2


def test_a_guest_is_named_nearly_as_before() -> None:
    """Somebody who was not learned loses far less than with a member's calibration alone."""
    ann = Calibration.fit(shown(*Expression), MEANS)
    nothing = np.zeros(7)
    assert balanced(ann, nothing) < 0.8
    assert balanced(HouseholdCalibration({"ann": ann}, MEANS), nothing) >= balanced(None, nothing) - 0.1


@given(
    st.lists(st.floats(-40, 40, width=32), min_size=7, max_size=7),
    st.sampled_from([np.float32, np.float64]),
)
def test_one_reading_and_many_give_the_same(numbers: list[float], kind: type[np.float32 | np.float64]) -> None:
    """Whatever the shape; the result is finite, centred and of the type that was given."""
    people = {
        name: Calibration.fit(shown(*Expression, shift=np.asarray(sign * SHIFT)), MEANS)
        for name, sign in (("a", 1.0), ("b", -1.0))
    }
    household = HouseholdCalibration(people, MEANS)
    one = centered(np.array(numbers)).astype(kind)
    alone = household.apply(one)
    assert alone.shape == (7,)
    assert alone.dtype == kind
    assert np.isfinite(alone).all()
    assert abs(float(alone.sum())) < 1e-2
    together = household.apply(np.tile(one, (2, 3, 1)))
    assert together.dtype == kind
    np.testing.assert_allclose(together, np.broadcast_to(alone, (2, 3, 7)), rtol=1e-3, atol=1e-3)


def test_readings_are_checked() -> None:
    """No reading, another shape, NaN and an empty household are refused."""
    for wrong in (np.empty((0, 7)), np.zeros((2, 6)), np.full((1, 7), np.nan), np.zeros(7)):
        with pytest.raises(ValueError, match="readings"):
            ExpressionSummary.summarize(wrong)
    with pytest.raises(ValueError, match="expression that was shown"):
        Calibration.fit({}, MEANS)
    with pytest.raises(ValueError, match="person"):
        HouseholdCalibration({}, MEANS)


def test_a_summary() -> None:
    """The mean, the root mean square distance from it, and the count."""
    array = np.array([MEANS[0] + 3 * np.eye(7)[0], MEANS[0] - 3 * np.eye(7)[0]])
    summary = ExpressionSummary.summarize(array)
    np.testing.assert_allclose(summary.mean, MEANS[0])
    assert summary.spread == pytest.approx(3.0)
    assert summary.count == 2


def test_the_check_reports_the_gain() -> None:
    """For the person above: held-out readings are named better, none worse."""
    check = cross_check(shown(*Expression, count=10), MEANS, 1.0, {})
    assert check.right_after > check.right_before + 0.3
    assert check.sure_after > check.sure_before
    assert check.held_out
    assert check.helps
    assert choose_strength(shown(*Expression, count=10), MEANS, 1.0, {})[0] == STRENGTHS[0]


def test_a_reading_is_held_out_with_its_neighbours() -> None:
    """Were only one of many equal readings held out, those beside it would name it: here each fold is of one kind."""
    halves = np.repeat([MEANS[2], MEANS[0]], 10, axis=0)  # first sad, then neutral, both given as neutral
    check = cross_check({Expression.NEUTRAL: halves, Expression.SAD: np.tile(MEANS[2], (5, 1))}, MEANS, 1.0, {})
    assert check.after[Expression.NEUTRAL] <= 0.5


def test_one_reading_is_not_held_out() -> None:
    """It is checked with itself, and the check reports that."""
    assert not cross_check(shown(*Expression, count=1), MEANS, 1.0, {}).held_out


def test_what_makes_an_expression_worse_is_refused() -> None:
    """A face that is never twice alike, and is named right without: one reading moves the mean away from the other."""
    apart = 5.5 * (np.eye(7)[Expression.DISGUST] - np.eye(7)[Expression.FEAR])
    fickle = shown(*Expression, count=2, shift=np.zeros(7))
    fickle[Expression.NEUTRAL] = np.array([MEANS[0] + apart, MEANS[0] - apart])
    check = cross_check(fickle, MEANS, 1.0, {})
    assert (check.before[Expression.NEUTRAL], check.after[Expression.NEUTRAL]) == (1.0, 0.0)
    assert check.worse == (Expression.NEUTRAL,)
    assert not check.helps
    assert choose_strength(fickle, MEANS, 1.0, {})[0] == 0
    fickle[Expression.NEUTRAL] = MEANS[0] + np.array([[0.9], [-0.9]]) * apart
    strength, check = choose_strength(fickle, MEANS, 1.0, {})
    assert 0 < strength < STRENGTHS[0]
    assert check.helps


def test_others_are_in_the_check() -> None:
    """Before and after are both with the people who were learned already."""
    others = {"ann": Calibration.fit(shown(*Expression), MEANS)}
    check = cross_check(shown(*Expression, count=10), MEANS, 1.0, others)
    assert check.right_before > 0.9


def test_neutral_alone_on_real_people(shared: Path) -> None:
    """Of studio faces of another origin: who showed neutral alone is not read worse by more than a point on average."""
    classifier = Classifier.load()
    means = classifier.contract.class_means

    def evidence(path: Path) -> NDArray[np.float32]:
        return classifier.evidence(resize(read_gray(path, 24, 1280))[:, :, None])

    folder = shared / "other-faces" / "val"
    smiles = {path.name.split("_")[3]: evidence(path) for path in folder.glob("happy/*_smiling_front_*.png")}
    before, after = [], []
    for path in sorted(folder.glob("neutral/*_neutral_front_*.png"))[::2]:
        smile = smiles.get(path.name.split("_")[3])
        if smile is None:
            continue
        neutral = evidence(path)
        household = HouseholdCalibration({"one": Calibration.fit({Expression.NEUTRAL: neutral[None]}, means)}, means)
        for values, expression in ((neutral, Expression.NEUTRAL), (smile, Expression.HAPPY)):
            before.append(values.argmax() == expression)
            after.append(household.apply(values).argmax() == expression)
    assert len(before) > 80
    assert np.mean(after) >= np.mean(before) - 0.0101
