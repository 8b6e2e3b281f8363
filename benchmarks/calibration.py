"""What learning a household's faces gains, on simulated people, and which constants of mien.calibration are good.

    python benchmarks/calibration.py --data DIR [--other FOLDER] [--people N] [--seed N]

DIR holds FER2013, whose validation faces show nobody twice. A simulated person is therefore put together from their
residuals: how the evidence of a face differs from the mean of its expression. Each person has one residual for all
expressions, one for each expression, and one more for each reading of it, as on another day, each drawn from a real
face. Two shares are not free: of the variance between people 45 % is common to all expressions, about as on the
neutral and happy faces of 101 people in ../shared/other-faces, and readings of one person vary by 35 % of all variance,
with which one picture of each expression gains what real people gained by it (balanced accuracy 0.82 to 0.92 on one set
of studio pictures, and 0.51 to 0.72 on another, whose residuals are larger). It is a simulation: differences count.

--other measures that common share: FOLDER holds neutral/ and happy/ with one picture a person each, under names that
differ in the expression only (../shared/other-faces/val). It also prints what learning one of the two faces does to the
other, which was not shown.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
from numpy.typing import NDArray

from mien import calibration
from mien.calibration import Calibration, ExpressionSummary, HouseholdCalibration, choose_strength
from mien.errors import MienError
from mien.expression import Expression
from mien.vision.classifier import Classifier, evidence
from mien.vision.crop import resize
from mien.vision.photo import read_gray
from mien_training.data import fer2013
from mien_training.evaluation.evaluate import select_view

COMMON = 0.45  # share of the variance between people that all expressions share
WITHIN = 0.35  # share of the variance that readings of one person and expression have
SESSION = 0.8  # share of that which the readings of one session have in common
SCALES = {"as FER2013": 1.0, "harder": 1.7}  # of all residuals: as harder a population as the second studio set
TESTS = 20  # readings an expression to judge by

Array = NDArray[np.float64]


class Person(NamedTuple):
    """Readings of a simulated person by expression: to learn from, (7, n, 7), and to judge by, (7, TESTS, 7)."""

    learned: Array
    judged: Array


class Population:
    """Draws people. means: of the expressions' evidence, (7, 7)."""

    def __init__(self, values: Array, labels: NDArray[np.int64], rng: np.random.Generator) -> None:
        self.means = np.array([values[labels == key].mean(axis=0) for key in Expression])
        self._residuals = [values[labels == key] - self.means[key] for key in Expression]
        self._all = np.concatenate(self._residuals)
        self._rng = rng

    def person(self, scale: float, readings: int, day: float = 0.0) -> Person:
        """Return a person with so many readings an expression to learn from.

        day: share of WITHIN that these readings have in common, as those of one session do.
        """
        common = self._draw(self._all, 1)
        rows = []
        for key in Expression:
            own = np.sqrt(COMMON) * common + np.sqrt(1 - COMMON) * self._draw(self._residuals[key], 1)
            each = self._draw(self._residuals[key], readings + TESTS)
            each[:readings] *= np.sqrt(1 - day)
            each[:readings] += np.sqrt(day) * self._draw(self._residuals[key], 1)
            rows.append(self.means[key] + scale * (np.sqrt(1 - WITHIN) * own + np.sqrt(WITHIN) * each))
        array = np.array(rows)
        array -= array.mean(axis=-1, keepdims=True)
        return Person(array[:, :readings], array[:, readings:])

    def _draw(self, residuals: Array, count: int) -> Array:
        return np.asarray(residuals[self._rng.integers(len(residuals), size=count)], np.float64)


def balanced(values: NDArray[np.floating[Any]]) -> float:
    """Return the balanced accuracy of evidence by true expression, (7, n, 7)."""
    return float(np.mean(values.argmax(axis=-1) == np.arange(7)[:, None]))


def learn(person: Person, shown: Sequence[Expression], means: Array) -> Calibration:
    """Return the calibration from a person's readings of some expressions."""
    return Calibration.fit({key: person.learned[key] for key in shown}, means)


def gain(people: list[Person], shown: Sequence[Expression], means: Array) -> str:
    """Return the balanced accuracy before and after."""
    before = [balanced(person.judged) for person in people]
    after = [balanced(learn(person, shown, means).apply(person.judged)) for person in people]
    return f"{np.mean(before):.3f} -> {np.mean(after):.3f}"


def sweep(people: list[Person], means: Array, name: str, values: Sequence[float]) -> None:
    """Print the gain with each value of a constant of mien.calibration in place of its own."""
    print(f"    {name} ({getattr(calibration, name):.2f} is used):", end="")
    for value in values:
        with mock.patch.object(calibration, name, value):
            after = [balanced(learn(person, list(Expression), means).apply(person.judged)) for person in people]
        print(f"  {value:.2f}: {np.mean(after):.3f}", end="")
    print()


def household(population: Population, scale: float, count: int, size: int) -> None:
    """Print how members and guests of households are named."""
    members, guests, alone, raw = [], [], [], []
    for _ in range(count // size):
        people = [population.person(scale, 1) for _ in range(size)]
        guest = population.person(scale, 1)
        known = {str(number): learn(one, list(Expression), population.means) for number, one in enumerate(people)}
        apply = HouseholdCalibration(known, population.means).apply
        members += [balanced(apply(one.judged)) for one in people]
        guests.append(balanced(apply(guest.judged)))
        alone.append(balanced(known["0"].apply(guest.judged)))
        raw.append(balanced(guest.judged))
    print(
        f"    household of {size}: members {np.mean(members):.3f}, a guest {np.mean(raw):.3f} -> {np.mean(guests):.3f} "
        f"({np.mean(alone):.3f} by one member's calibration alone)"
    )


def kept(people: list[Person], means: Array, temperature: float) -> str:
    """Return which share of people the check at learning time keeps, and what all gain then."""
    strengths, after = [], []
    for person in people:
        readings = {key: person.learned[key] for key in Expression}
        strength, _ = choose_strength(readings, means, temperature, {})
        strengths.append(strength)
        if strength:
            shown = {key: ExpressionSummary.summarize(array) for key, array in readings.items()}
            own = Calibration(shown, means, strength)
            after.append(balanced(HouseholdCalibration({"": own}, means).apply(person.judged)))
        else:
            after.append(balanced(person.judged))
    shares = ", ".join(f"{np.mean(np.array(strengths) == s):.2f} at {s}" for s in (*calibration.STRENGTHS, 0.0))
    return f"{np.mean([balanced(person.judged) for person in people]):.3f} -> {np.mean(after):.3f} (kept: {shares})"


def best_temperatures(people: list[Person], means: Array) -> str:
    """Return the temperature with the highest likelihood for plain and for calibrated evidence."""

    def best(values: list[Array]) -> float:
        def likelihood(temperature: float) -> float:
            logits = np.array(values) / temperature
            logits -= logits.max(axis=-1, keepdims=True)
            log = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
            return float(np.mean([log[:, key, :, key].mean() for key in Expression]))

        return float(max(np.geomspace(0.2, 8, 60).tolist(), key=likelihood))

    plain = best([person.judged for person in people])
    texts = []
    for shown in ([Expression.NEUTRAL], [Expression.NEUTRAL, Expression.HAPPY], list(Expression)):
        calibrated = best([np.asarray(learn(person, shown, means).apply(person.judged)) for person in people])
        texts.append(f"{len(shown)} shown {calibrated:.2f}")
    return f"plain {plain:.2f}, calibrated with {', '.join(texts)}"


def microseconds(apply: Callable[[Array], object], reading: Array) -> float:
    """Return the processor time of one call, the least of several series."""
    series = []
    for _ in range(20):
        began = time.process_time()
        for _ in range(2000):
            apply(reading)
        series.append((time.process_time() - began) / 2000 * 1e6)
    return min(series)


def describe_pairs(folder: Path, classifier: Classifier, means: Array) -> str:
    """Return what a neutral and a happy picture of the same people have in common."""
    by_person: dict[str, dict[Expression, Array]] = {}
    for expression in (Expression.NEUTRAL, Expression.HAPPY):
        for path in sorted((folder / expression.label).glob("*.png")):
            image = resize(read_gray(path, 24, 1280))[:, :, None]
            person = re.sub(r"neutral|happy|smil(e|ing)|_\d+$", "", path.stem)
            by_person.setdefault(person, {})[expression] = np.asarray(classifier.evidence(image), np.float64)
    pairs = np.array([list(faces.values()) for faces in by_person.values() if len(faces) == 2])
    residuals = pairs - pairs.mean(axis=0)
    common = (residuals[:, 0] * residuals[:, 1]).sum() / (residuals**2).sum(axis=(0, 2)).mean()
    lines = [
        f"{len(pairs)} people with a neutral and a happy picture; {common:.2f} of their variance is common to both"
    ]
    for known, other in ((0, 1), (1, 0)):
        own = [Calibration.fit({Expression(known): pair[known][None]}, means).apply(pair[other]) for pair in pairs]
        before, after = (np.mean(np.array(e).argmax(axis=-1) == other) for e in (pairs[:, other], own))
        known_label, other_label = Expression(known).label, Expression(other).label
        lines.append(f"    after learning {known_label} alone, {other_label}: {before:.3f} -> {after:.3f}")
    return "\n".join(lines)


def main() -> int:
    """Print the tables; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument("--other", type=Path, metavar="FOLDER")
    parser.add_argument("--people", type=int, default=200, metavar="N")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    arguments = parser.parse_args()
    try:
        classifier = Classifier.load()
        faces = fer2013.read(arguments.data, "PublicTest")
    except MienError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    logits, labels = select_view(
        np.array([classifier.logits(image) for image in faces.images]), faces, classifier.contract.view
    )
    values = np.asarray(evidence(logits, classifier.contract.class_prior), np.float64)
    population = Population(values, labels, np.random.default_rng(arguments.seed))
    means, neutral, happy = population.means, Expression.NEUTRAL, Expression.HAPPY
    if arguments.other is not None:
        print(describe_pairs(arguments.other, classifier, means))
    subsets = ([neutral], [neutral, happy], [neutral, happy, Expression.SAD], list(Expression))
    for name, scale in SCALES.items():
        print(f"{name}, one reading of each expression shown; balanced accuracy before and after")
        people = [population.person(scale, 1) for _ in range(arguments.people)]
        for shown in subsets:
            print(f"    {', '.join(key.label for key in shown)}: {gain(people, shown, means)}")
        sweep(people, means, "STRENGTH", (0.3, 0.5, 1.0, 1.6, 2.1, 2.6, 4.0))
        sweep(people, means, "FIRST_READING", (0.0, 0.11, 0.25, 3 / 7, 0.67, 1.0))
        print(f"    best temperature: {best_temperatures(people, means)}")
        for readings in (2, 3, 5, 10):
            more = [population.person(scale, readings) for _ in range(arguments.people)]
            checked = kept(more[:50], means, classifier.contract.even_temperature)
            print(f"  {readings} readings of each: {gain(more, list(Expression), means)}; as checked {checked}")
            sweep(more, means, "MOST_MOVED", (0.6, 0.7, 0.8, 0.85, 0.9, 1.0))
        session = [population.person(scale, 5, SESSION) for _ in range(arguments.people)]
        checked = kept(session[:100], means, classifier.contract.even_temperature)
        print(f"  a session of 5 readings of each: {gain(session, list(Expression), means)}; as checked {checked}")
        sweep(session, means, "MOST_MOVED", (0.6, 0.7, 0.8, 0.85, 0.9, 1.0))
        for size in (1, 3):
            household(population, scale, arguments.people, size)
    reading = values[0].astype(np.float32)
    one = learn(people[0], list(Expression), means)
    for size in (1, calibration.MAX_PEOPLE):
        apply = HouseholdCalibration({str(number): one for number in range(size)}, means).apply
        print(f"one reading, household of {size}: {microseconds(apply, reading):.1f} us")
    return 0


if __name__ == "__main__":
    sys.exit(main())
