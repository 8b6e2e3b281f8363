"""Learning the faces of a household: evidence of the expressions, moved by how each person shows them. Pure.

Evidence is what `Classifier.evidence` returns before this module: seven log-likelihoods up to a constant, centred. The
faces of one expression scatter around a mean in this space, and most of that scatter is between people: some look sad
when they rest, and some smile with the eyes alone. From a few readings of a person (p_k, the mean of expression k)
the population's means m_k are moved towards that person, and an expression whose mean is near counts more:

    m'_k    = m_k + moved * (p_k - m_k), and m_k + HALF_SHIFT * the mean shift of the others where k was not shown
    score_k = z_k - b * |z - m'_k|^2

As |z|^2 is common to all seven it falls out, so that what is applied is one affine map. It was measured on people who
posed for others (one picture of each expression, tested on another day: balanced accuracy 0.82 to 0.92 and 0.51 to
0.72); `benchmarks/calibration.py` simulates people with the same gains, and shows that `moved`, `b` and the other
constants here lie on the plateau of the best.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mien.expression import Expression

Floats = NDArray[np.floating[Any]]

STRENGTH = 2.1
"""b times the class means' length (root mean square): b is 0.4 for the network that comes with mien, and half of that
for one whose evidence has twice the scale."""

FULL_STRENGTH_FROM = 5
"""Expressions shown from which on b is whole: with neutral alone it is a fifth, with two two fifths. The fewer are
known, the more of the others' means are guesses, and a fifth of b already has most of what neutral alone can gain."""

FIRST_READING = 3 / 7
"""A mean is moved to that of n readings by n / (n + this), with one by 0.7: the variance of a person's own readings is
about half of that between people."""

MOST_MOVED = 0.85
"""The largest share moved, however many the readings: those of one session are nearly equal, and with them 0.8 to 0.85
is best in the simulation. With readings of as many days all of the way would gain up to a point more."""

HALF_SHIFT = 0.5
"""Share of the shown expressions' mean shift by which the others are moved: 0.49 of the variance between people is
common to the neutral and the happy faces of studio portraits."""

SCALE_GAIN = 2.2
"""Scores are divided by 1 + this for a whole b, so that the temperature that was fitted to plain evidence still fits:
in the simulation the best temperature of the undivided scores is 3.1 to 3.4 times as high."""

STRENGTHS = (1.0, 0.5, 0.25)
"""Shares of b that `learn` tries, until one makes nothing worse."""

FOLDS = 5
"""Parts of an expression's readings that are held out one after the other; consecutive ones, since neighbours in time
are nearly equal."""

MAX_PEOPLE = 16
"""People in a household."""

_COUNT = len(Expression)
_LARGE = 50.0  # logarithm of odds that are as good as infinite


@dataclass(frozen=True, slots=True)
class ExpressionSummary:
    """Readings of one person showing one expression, as three numbers.

    mean: of their evidence, seven numbers. spread: root mean square distance of the readings from it. count: readings.
    """

    mean: tuple[float, ...]
    spread: float
    count: int

    @classmethod
    def summarize(cls, readings: ArrayLike) -> Self:
        """Return the summary of readings, (n, 7) with n at least 1. Raises ValueError for another shape or NaN."""
        array = np.asarray(readings, np.float64)
        if array.ndim != 2 or array.shape[1] != _COUNT or not len(array) or not np.isfinite(array).all():
            raise ValueError(f"readings must be finite numbers of the shape (n, {_COUNT}), not {array.shape}")
        mean = array.mean(axis=0)
        spread = math.sqrt(float(((array - mean) ** 2).sum(axis=1).mean()))
        return cls(tuple(mean.tolist()), spread, len(array))


class Calibration:
    """One person's calibration: an affine map of the evidence.

    means: the moved class means, (7, 7). weights, bias: of the scores. scale: by which they are divided.
    """

    def __init__(
        self, summaries: Mapping[Expression, ExpressionSummary], class_means: ArrayLike, strength: float = 1.0
    ) -> None:
        """summaries: at least one expression. class_means: the population's, (7, 7). strength: share of b, 0 to 1."""
        population = np.asarray(class_means, np.float64)
        self.means = _move_means(summaries, population)
        share = strength * min(1.0, len(summaries) / FULL_STRENGTH_FROM)
        b = share * full_strength(population)
        self.scale = 1.0 + SCALE_GAIN * share
        weights = np.eye(_COUNT) + 2 * b * self.means
        bias = -b * (self.means**2).sum(axis=1)
        self.weights = np.asarray(weights - weights.mean(axis=0), np.float32)
        self.bias = np.asarray(bias - bias.mean(), np.float32)

    @classmethod
    def fit(cls, evidence: Mapping[Expression, ArrayLike], class_means: ArrayLike) -> Self:
        """Return the calibration of a person from readings of the expressions that were shown, each (n, 7)."""
        return cls({key: ExpressionSummary.summarize(readings) for key, readings in evidence.items()}, class_means)

    def apply(self, evidence: ArrayLike) -> Floats:
        """Return calibrated evidence, centred, of the shape (..., 7) of what is given, which is centred too."""
        scores = np.asarray(evidence) @ self.weights.T + self.bias
        scores *= 1 / self.scale
        return np.asarray(scores)


class HouseholdCalibration:
    """The calibrations of several people. For each reading the one counts whose moved means explain it best.

    That is the person one of whose means is nearest. The population's own means compete with it, for guests: the
    result is the mean of the person's scores and the plain evidence, weighted by how much nearer the person's mean is
    than the population's, exp(-b * squared distance) each. In the simulation it costs a person 0.2 points, and a guest
    loses 2 instead of 7.
    """

    def __init__(self, people: Mapping[str, Calibration], class_means: ArrayLike) -> None:
        """people: at least one, by name. class_means: the population's, (7, 7)."""
        if not people:
            raise ValueError("a household has at least one person")
        self.people = dict(people)
        members = list(self.people.values())
        population = np.asarray(class_means, np.float64)
        b = full_strength(population)
        means = np.concatenate([*(member.means for member in members), population])
        weights = [member.weights for member in members] + [np.asarray(2 * b * means, np.float32)]
        bias = [member.bias for member in members] + [np.asarray(-b * (means**2).sum(axis=1), np.float32)]
        self._weights, self._bias = np.concatenate(weights), np.concatenate(bias)
        self._gains = [member.scale - 1 for member in members]
        self._members = len(members)

    def apply(self, evidence: ArrayLike) -> Floats:
        """Return calibrated evidence, centred, of the shape (..., 7) of what is given, which is centred too."""
        raw = np.asarray(evidence)
        if raw.ndim == 1:
            return self._apply_to_one(raw)
        products = (raw @ self._weights.T + self._bias).reshape(*raw.shape[:-1], -1, _COUNT)
        scores, nearness = products[..., : self._members, :], products[..., self._members :, :].max(axis=-1)
        best = nearness[..., :-1].argmax(axis=-1)[..., None]
        lead = np.take_along_axis(nearness, best, axis=-1) - nearness[..., -1:]
        chosen = np.take_along_axis(scores, best[..., None], axis=-2)[..., 0, :]
        shares = 1 / (1 + np.exp(np.minimum(_LARGE, -lead)))
        return np.asarray((raw + shares * (chosen - raw)) / (1 + np.array(self._gains, raw.dtype)[best] * shares))

    def _apply_to_one(self, raw: Floats) -> Floats:
        """Return what `apply` does for one reading, (7,), in a fraction of its time: numbers this few are lists."""
        products = self._weights.dot(raw)
        products += self._bias
        start = self._members * _COUNT
        proximities = products[start:].tolist()
        nearest = [max(proximities[at : at + _COUNT]) for at in range(0, len(proximities), _COUNT)]
        guest = nearest.pop()
        lead = max(nearest)
        best = nearest.index(lead)
        share = 1 / (1 + math.exp(min(_LARGE, guest - lead)))
        result = products[best * _COUNT : (best + 1) * _COUNT]
        result -= raw
        result *= share
        result += raw
        result *= 1 / (1 + self._gains[best] * share)
        return np.asarray(result)


@dataclass(frozen=True, slots=True)
class CrossCheck:
    """How readings that were held out are named with plain evidence (before) and with a calibration (after).

    before, after: share of the readings named right, by expression. sure_before, sure_after: mean probability of the
    right expression over the expressions. held_out: whether every reading was; an expression with one reading is
    checked with that reading itself.
    """

    before: Mapping[Expression, float]
    after: Mapping[Expression, float]
    sure_before: float
    sure_after: float
    held_out: bool

    @property
    def right_before(self) -> float:
        """Mean over the expressions, 0 to 1."""
        return math.fsum(self.before.values()) / len(self.before)

    @property
    def right_after(self) -> float:
        """Mean over the expressions, 0 to 1."""
        return math.fsum(self.after.values()) / len(self.after)

    @property
    def worse(self) -> tuple[Expression, ...]:
        """The expressions that the calibration names less often right."""
        return tuple(key for key, share in self.before.items() if self.after[key] < share)

    @property
    def helps(self) -> bool:
        """Whether nothing is worse, and more readings are named right or the right ones are more probable."""
        better = self.right_after > self.right_before or self.sure_after > self.sure_before
        return not self.worse and better


def cross_check(
    evidence: Mapping[Expression, ArrayLike],
    class_means: ArrayLike,
    temperature: float,
    others: Mapping[str, Calibration],
    strength: float = 1.0,
) -> CrossCheck:
    """Return how held-out readings are named with and without a person's calibration, each among `others`.

    evidence: of each shown expression, (n, 7), in the order of time. temperature: of the softmax.
    """
    readings = {key: np.asarray(array, np.float64) for key, array in evidence.items()}
    summaries = {key: ExpressionSummary.summarize(array) for key, array in readings.items()}
    household = HouseholdCalibration(others, class_means) if others else None
    before: dict[Expression, tuple[float, float]] = {}
    after: dict[Expression, tuple[float, float]] = {}
    for key, array in readings.items():
        raw = household.apply(array) if household else array
        parts = np.array_split(np.arange(len(array)), min(FOLDS, len(array)))
        checked = [
            HouseholdCalibration(
                {
                    **others,
                    _NEW: Calibration({**summaries, key: _without(array, part, summaries[key])}, class_means, strength),
                },
                class_means,
            ).apply(array[part])
            for part in parts
        ]
        before[key] = _score(raw, key, temperature)
        after[key] = _score(np.concatenate(checked), key, temperature)
    return CrossCheck(
        {key: right for key, (right, _) in before.items()},
        {key: right for key, (right, _) in after.items()},
        math.fsum(sure for _, sure in before.values()) / len(before),
        math.fsum(sure for _, sure in after.values()) / len(after),
        all(len(array) > 1 for array in readings.values()),
    )


def choose_strength(
    evidence: Mapping[Expression, ArrayLike],
    class_means: ArrayLike,
    temperature: float,
    others: Mapping[str, Calibration],
) -> tuple[float, CrossCheck]:
    """Return the first of STRENGTHS whose calibration helps, with its check; 0 and the last check if none does."""
    for strength in STRENGTHS:
        check = cross_check(evidence, class_means, temperature, others, strength)
        if check.helps:
            return strength, check
    return 0.0, check


def full_strength(class_means: NDArray[np.float64]) -> float:
    """Return the whole b for the scale of these means."""
    return STRENGTH / mean_length(class_means)


def mean_length(class_means: NDArray[np.float64]) -> float:
    """Return the root mean square of the means' lengths, a measure of the scale of a network's evidence."""
    return max(1e-6, math.sqrt(float((class_means**2).sum(axis=1).mean())))


_NEW = ""  # no person's name


def _move_means(
    summaries: Mapping[Expression, ExpressionSummary], population: NDArray[np.float64]
) -> NDArray[np.float64]:
    if not summaries or population.shape != (_COUNT, _COUNT):
        raise ValueError(f"a calibration needs an expression that was shown, and means of the shape {_COUNT, _COUNT}")
    shifts = {
        key: min(MOST_MOVED, one.count / (one.count + FIRST_READING)) * (np.asarray(one.mean) - population[key])
        for key, one in summaries.items()
    }
    common = HALF_SHIFT * np.mean(list(shifts.values()), axis=0)
    return np.asarray(population + np.array([shifts.get(key, common) for key in Expression]))


def _without(array: NDArray[np.float64], part: NDArray[np.int64], whole: ExpressionSummary) -> ExpressionSummary:
    """Return the summary of the readings but those of a part; of all where none would be left."""
    rest = np.delete(array, part, axis=0)
    return ExpressionSummary.summarize(rest) if len(rest) else whole


def _score(evidence: Floats, expression: Expression, temperature: float) -> tuple[float, float]:
    """Return the share of readings named as this expression, and its mean probability."""
    logits = evidence / temperature
    odds = np.exp(logits - logits.max(axis=-1, keepdims=True))
    right = evidence.argmax(axis=-1) == expression
    return float(right.mean()), float((odds[:, expression] / odds.sum(axis=-1)).mean())
