"""How stable mien's mood tracker is, and how soon it follows a change, on streams whose true mood is known.

    python benchmarks/simulator.py --data DIR [--hours H] [--seed N] [--curve] [--out DIR]

DIR holds FER2013. Each moment of a stream is a reading of the shipped network of a validation face of the true
expression, held for half a second to two seconds, misreadings too: the stream has the network's real confusions and
confidences, and they last. On top come blinks, talk, yawns, turned heads and drop-outs.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from mien.config import MoodConfig
from mien.errors import MienError
from mien.events import Reading
from mien.expression import Expression
from mien.mood import MoodTracker
from mien.vision.classifier import Classifier
from mien_training.data import fer2013

FRAMES_A_SECOND = 8.0
MEAN_MOOD = 60.0  # seconds that a mood lasts: 15 and an exponentially distributed rest
SHORTEST_MOOD = 15.0
BURST = (0.5, 2.0)  # seconds that one reading is held

# disturbances: mean seconds from one to the next, shortest and longest length in seconds
BLINK, TALK, YAWN, TURN, DROP_OUT = (
    (4.0, 0.1, 0.3),
    (40.0, 2.0, 8.0),
    (400.0, 3.0, 5.0),
    (30.0, 0.5, 3.0),
    (60.0, 0.5, 3.0),
)

Pool = list[NDArray[np.float64]]
"""For each Expression the network's probabilities of its validation faces, float64 (count, 7)."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A frame of a stream: its true mood, and the reading, None where no face was detected."""

    at: float
    truth: Expression
    reading: Reading | None


@dataclass(frozen=True, slots=True)
class Score:
    """delay: median seconds from a real change to its mood; a change that is never followed counts its whole length.

    false: changes to another than the true mood, an hour. right: share of the time in which the mood was the true one.
    """

    delay: float
    false: float
    right: float
    followed: float


class Estimator(Protocol):
    """Estimates the mood from readings."""

    def update(self, moment: Moment) -> Expression | None:
        """Return the mood after this frame."""
        ...


class MienEstimator:
    """mien's tracker."""

    def __init__(self, config: MoodConfig) -> None:
        self._tracker = MoodTracker(config)
        self._mood: Expression | None = None

    def update(self, moment: Moment) -> Expression | None:
        """Return the mood after this frame."""
        mood = self._tracker.update(moment.reading, moment.at)
        if mood is not None:
            self._mood = mood.expression
        return self._mood


class VoteEstimator:
    """The most frequent argmax of the latest frames; with one frame, the raw argmax."""

    def __init__(self, frames: int) -> None:
        self._latest: deque[Expression] = deque()
        self._frames, self._counts = frames, [0] * len(Expression)
        self._mood: Expression | None = None

    def update(self, moment: Moment) -> Expression | None:
        """Return the mood after this frame."""
        if moment.reading is not None:
            self._latest.append(moment.reading.expression)
            self._counts[moment.reading.expression] += 1
            if len(self._latest) > self._frames:
                self._counts[self._latest.popleft()] -= 1
            self._mood = max(Expression, key=self._counts.__getitem__)
        return self._mood


class SmoothingEstimator:
    """The argmax of exponentially smoothed probabilities."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._smooth = np.full(len(Expression), 1 / len(Expression))
        self._last = 0.0
        self._mood: Expression | None = None

    def update(self, moment: Moment) -> Expression | None:
        """Return the mood after this frame."""
        if moment.reading is not None:
            keep = math.exp(-(moment.at - self._last) / self._seconds)
            self._smooth = keep * self._smooth + (1 - keep) * np.array(moment.reading.probabilities)
            self._last = moment.at
            self._mood = Expression(int(self._smooth.argmax()))
        return self._mood


def read_pool(data: Path, classifier: Classifier) -> Pool:
    """Run the network over all validation faces; the true expressions are those of its contract's view."""
    faces = fer2013.read(data, "PublicTest").view(classifier.contract.view)
    readings = np.array([classifier.probabilities(image) for image in faces.images])
    return [readings[faces.labels == expression] for expression in Expression]


def stream(pool: Pool, hours: float, rng: np.random.Generator) -> Iterator[Moment]:
    """Yield frames with jittered times; moods are as frequent as in the validation split, never twice in a row."""
    shares = np.array([len(readings) for readings in pool], float)
    at, truth = 0.0, Expression.NEUTRAL
    mood_ends = burst_ends = 0.0
    held = pool[truth][0]
    disturbances = _Disturbances(pool, rng)
    while at < hours * 3600:
        at += rng.uniform(0.6, 1.4) / FRAMES_A_SECOND
        if at >= mood_ends:
            others = shares * [expression != truth for expression in Expression]
            truth = Expression(int(rng.choice(len(Expression), p=others / others.sum())))
            mood_ends = at + SHORTEST_MOOD + rng.exponential(MEAN_MOOD - SHORTEST_MOOD)
            burst_ends = at
        if at >= burst_ends:
            held = pool[truth][rng.integers(len(pool[truth]))]
            burst_ends = at + rng.uniform(*BURST)
        yield Moment(at, truth, disturbances.reading(at, held))


class _Disturbances:
    """Disturbances of a face in front of a camera, each at random times and for a random time."""

    def __init__(self, pool: Pool, rng: np.random.Generator) -> None:
        self._pool, self._rng = pool, rng
        self._kinds = {"blink": BLINK, "talk": TALK, "yawn": YAWN, "turn": TURN, "drop-out": DROP_OUT}
        self._begins = {name: rng.exponential(kind[0]) for name, kind in self._kinds.items()}
        self._ends = dict.fromkeys(self._kinds, 0.0)
        self._other = pool[0][0]
        self._talk_until = 0.0

    def reading(self, at: float, held: NDArray[np.float64]) -> Reading | None:
        """Return the frame's reading. held: the network's probabilities of the undisturbed face, float64 (7,)."""
        active = {name for name in self._kinds if self._is_active(name, at)}
        if "drop-out" in active:
            return None
        if "turn" in active:  # a reading of any face, weighed down by the quality gate
            return _as_reading(self._other, at, weight=0.4)
        if "yawn" in active:
            return _as_reading(0.3 * held + 0.7 * self._other, at)
        if "talk" in active:  # the mouth takes a new shape three times a second
            if at >= self._talk_until:
                self._talk_until = at + self._rng.uniform(0.15, 0.5)
                self._other = self._draw(Expression(int(self._rng.integers(len(Expression)))))
            return _as_reading(0.6 * held + 0.4 * self._other, at)
        if "blink" in active:
            return _as_reading(0.6 * held + 0.4 * self._pool[Expression.SAD].mean(axis=0), at)
        return _as_reading(held, at)

    def _is_active(self, name: str, at: float) -> bool:
        pause, shortest, longest = self._kinds[name]
        if at >= self._begins[name]:
            self._ends[name] = at + self._rng.uniform(shortest, longest)
            self._begins[name] = self._ends[name] + self._rng.exponential(pause)
            if name in {"turn", "yawn"}:
                other = Expression(int(self._rng.integers(len(Expression))))
                self._other = self._draw(Expression.SURPRISE if name == "yawn" else other)
        return at < self._ends[name]

    def _draw(self, expression: Expression) -> NDArray[np.float64]:
        return np.asarray(self._rng.choice(self._pool[expression]))


def _as_reading(probabilities: NDArray[np.float64], at: float, weight: float = 1.0) -> Reading:
    return Reading(tuple(probabilities.tolist()), at, weight)


def score(moments: list[Moment], estimator: Estimator) -> Score:
    """Run an estimator over a stream."""
    delays: list[float] = []
    missed = false = 0
    right = 0.0
    mood: Expression | None = None
    truth, since, waiting = moments[0].truth, moments[0].at, True
    for before, moment in pairwise(moments):
        if moment.truth != truth:
            if waiting:
                missed += 1
                delays.append(moment.at - since)
            truth, since, waiting = moment.truth, moment.at, True
        estimate = estimator.update(moment)
        if estimate != mood and estimate is not None:
            false += estimate != truth
            mood = estimate
        if waiting and mood == truth:
            delays.append(moment.at - since)
            waiting = False
        right += (moment.at - before.at) * (mood == truth)
    length = moments[-1].at - moments[0].at
    return Score(float(np.median(delays)), false / length * 3600, right / length, 1 - missed / max(1, len(delays)))


def estimators() -> dict[str, Callable[[], Estimator]]:
    """Return mien's tracker with its defaults, and the three baselines."""
    return {
        "mien": lambda: MienEstimator(MoodConfig()),
        "raw argmax": lambda: VoteEstimator(1),
        "15-frame vote": lambda: VoteEstimator(15),
        "exponential smoothing, 1 s": lambda: SmoothingEstimator(1.0),
    }


def curves() -> dict[str, list[Callable[[], Estimator]]]:
    """Return the same, each over the range of the parameter that makes it quicker or steadier."""

    def tracker(memory: float) -> Callable[[], Estimator]:
        return lambda: MienEstimator(MoodConfig(memory=memory))

    def vote(frames: int) -> Callable[[], Estimator]:
        return lambda: VoteEstimator(frames)

    def smoothing(seconds: float) -> Callable[[], Estimator]:
        return lambda: SmoothingEstimator(seconds)

    return {
        "mien (memory 0.5 to 8 s)": [tracker(memory) for memory in (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0, 8.0)],
        "vote (1 to 400 frames)": [vote(frames) for frames in (1, 5, 15, 31, 61, 101, 201, 401)],
        "exponential smoothing (0.3 to 40 s)": [smoothing(s) for s in (0.3, 1.0, 2.0, 4.0, 8.0, 15.0, 40.0)],
    }


def draw_example(moments: list[Moment], path: Path) -> None:
    """Draw three minutes of a stream: the network's predictions, the tracker's posterior, its mood and the truth."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "mien"  # equal input, equal file
    import matplotlib.pyplot as plt

    tracker, mood = MoodTracker(MoodConfig()), None
    shown = [moment for moment in moments if moment.at <= 180]
    times = [moment.at for moment in shown]
    posteriors, moods = [], []
    for moment in shown:
        change = tracker.update(moment.reading, moment.at)
        mood = change.expression if change is not None else mood
        posteriors.append(tracker.probabilities)
        moods.append(math.nan if mood is None else float(mood))
    figure, (upper, lower) = plt.subplots(2, 1, figsize=(9, 6), sharex=True, layout="constrained")
    predictions = [(moment.at, moment.reading.expression) for moment in shown if moment.reading]
    upper.plot(*zip(*predictions, strict=True), ".", color="lightgrey", label="the network's prediction")
    upper.step(times, [moment.truth for moment in shown], color="tab:green", linewidth=6, alpha=0.4, label="the truth")
    upper.step(times, moods, color="black", label="the mood")
    upper.set_yticks(range(len(Expression)), [expression.label for expression in Expression])
    upper.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)
    for expression in Expression:
        lower.plot(times, [p[expression] for p in posteriors], label=expression.label)
    lower.axhline(MoodConfig().threshold, color="grey", linewidth=0.8, linestyle="--")
    lower.set(xlabel="seconds", ylabel="probability", ylim=(0, 1))
    lower.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=7, fontsize="small")
    figure.savefig(path, metadata={"Date": None})


def draw(points: dict[str, list[Score]], path: Path) -> None:
    """Draw delay against false changes, one line an estimator."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "mien"  # equal input, equal file
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    for name, scores in points.items():
        axes.plot([s.delay for s in scores], [max(s.false, 0.05) for s in scores], marker="o", label=name)
    axes.axhline(1, color="grey", linewidth=0.8, linestyle="--")
    axes.axvline(3, color="grey", linewidth=0.8, linestyle="--")
    axes.set(xlabel="median delay of a real change (s)", ylabel="false changes an hour", yscale="log", xscale="log")
    axes.legend()
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Print a table, and with --curve sweep every estimator."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with FER2013")
    parser.add_argument("--model", type=Path, help="default: the shipped one")
    parser.add_argument("--hours", type=float, default=4.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--curve", action="store_true", help="sweep each estimator's own parameter")
    parser.add_argument("--out", type=Path, help="write simulator.json and pictures there")
    args = parser.parse_args()
    classifier = Classifier.load(args.model) if args.model else Classifier.load()
    moments = list(stream(read_pool(args.data, classifier), args.hours, np.random.default_rng(args.seed)))
    print(f"{len(moments)} frames, {args.hours:g} hours; network accuracy {classifier.contract.accuracy:.3f}")
    print(f"{'':36}{'delay':>8}{'false/h':>9}{'right':>7}{'followed':>10}")
    compared = {name: [make] for name, make in estimators().items()}
    points: dict[str, list[Score]] = {}
    for name, makes in (compared | (curves() if args.curve else {})).items():
        for make in makes:
            result = score(moments, make())
            points.setdefault(name, []).append(result)
            print(
                f"{name:36}{result.delay:7.1f}s{result.false:9.1f}{result.right:7.2f}{result.followed:10.2f}",
                flush=True,
            )
    if args.out:
        args.out.mkdir(parents=True, exist_ok=True)
        (args.out / "simulator.json").write_bytes(msgspec.json.format(msgspec.json.encode(points)))
        draw_example(moments, args.out / "tracker.svg")
        if args.curve:
            draw({name: scores for name, scores in points.items() if name not in compared}, args.out / "simulator.svg")


if __name__ == "__main__":
    try:
        main()
    except MienError as error:
        sys.exit(str(error))
