"""How much a calibration helps people without a training face, tested on pictures that it was not made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mien.calibration import Calibration, HouseholdCalibration
from mien.expression import LABELS, Expression
from mien_training.evaluation.balanced_recall import balanced_recall

Choose = Callable[[int, Mapping[Expression, list[int]]], dict[Expression, list[int]]]
"""Of a tested picture and the person's pictures by expression, those to learn from."""


def calibrate(evidence: Mapping[Expression, ArrayLike], class_means: ArrayLike) -> HouseholdCalibration:
    """Return what the device applies to the evidence of a household of one person. evidence: as `Calibration.fit`'s."""
    return HouseholdCalibration({"person": Calibration.fit(evidence, class_means)}, class_means)


def one_of_each(tested: int, own: Mapping[Expression, list[int]]) -> dict[Expression, list[int]]:
    """Return one picture of each expression: the next of the same expression, and of the others those in its place.

    None where the tested picture is the only one of its expression.
    """
    expression, place = _place(tested, own)
    if len(own[expression]) < 2:
        return {}
    return {other: [indices[(place + 1) % len(indices)]] for other, indices in own.items()}


def all_but_one(tested: int, own: Mapping[Expression, list[int]]) -> dict[Expression, list[int]]:
    """Return every picture of the person but the tested one."""
    return {key: kept for key, indices in own.items() if (kept := [index for index in indices if index != tested])}


def neutral_alone(tested: int, own: Mapping[Expression, list[int]]) -> dict[Expression, list[int]]:
    """Return one neutral picture other than the tested one."""
    others = [index for index in own.get(Expression.NEUTRAL, []) if index != tested]
    return {Expression.NEUTRAL: others[:1]} if others else {}


WAYS: Mapping[str, Choose] = {
    "one picture of each expression": one_of_each,
    "all but the tested picture": all_but_one,
    "one neutral picture": neutral_alone,
}
"""What a calibration is learned from."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """`balanced_recall` of the same pictures before and after. people: how many. worse: of whom fewer are right."""

    before: dict[str, Any]
    after: dict[str, Any]
    people: int
    worse: int


def compare_calibration(
    evidence: NDArray[np.float32],
    labels: NDArray[np.int64],
    people: NDArray[np.str_],
    class_means: ArrayLike,
    choose: Choose,
) -> Comparison | None:
    """Return how pictures are named before and after learning from others of the same person, never from themselves.

    evidence: plain, float32 (count, 7). labels, people: (count,). None where nothing is left to learn from.
    """
    tested: list[int] = []
    after: list[int] = []
    for person in np.unique(people):
        mine = np.flatnonzero(people == person).tolist()
        own = {key: [i for i in mine if labels[i] == key] for key in Expression if (labels[mine] == key).any()}
        for index in mine:
            chosen = choose(index, own)
            assert all(index not in indices for indices in chosen.values()), "tested on a picture that was learned"
            if chosen:
                calibration = calibrate({key: evidence[indices] for key, indices in chosen.items()}, class_means)
                tested.append(index)
                after.append(int(np.argmax(calibration.apply(evidence[index]))))
    if not tested:
        return None
    uncalibrated, learned, truth, who = evidence[tested].argmax(axis=1), np.array(after), labels[tested], people[tested]
    gain = (learned == truth).astype(int) - (uncalibrated == truth)
    gains = {person: int(gain[who == person].sum()) for person in who.tolist()}
    return Comparison(
        balanced_recall(uncalibrated, truth, who),
        balanced_recall(learned, truth, who),
        len(gains),
        sum(total < 0 for total in gains.values()),
    )


def format_comparison(way: str, result: Comparison) -> str:
    """Return one line, with a recall before and after for each expression."""
    before, after = result.before, result.after
    recalls = ", ".join(
        f"{key} {before['recall'][key]:.2f} to {after['recall'][key]:.2f}" for key in LABELS if key in before["recall"]
    )
    return (
        f"learned from {way}: {_interval(before)} before, {_interval(after)} after "
        f"({before['faces']} pictures of {result.people} people, {result.worse} worse); {recalls}"
    )


def _interval(figures: Mapping[str, Any]) -> str:
    low, high = figures["interval"]
    return f"{figures['balanced_recall']:.3f} ({low:.3f} to {high:.3f})"


def _place(tested: int, own: Mapping[Expression, list[int]]) -> tuple[Expression, int]:
    return next((key, indices.index(tested)) for key, indices in own.items() if tested in indices)
