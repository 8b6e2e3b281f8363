"""How stable mien's mood tracker is, and how soon it follows a change, on streams whose true mood is known.

    python benchmarks/simulator.py --data DIR [--hours H] [--seed N] [--curve] [--out DIR]
    python benchmarks/simulator.py --data DIR --strangers N [--hours H] [--seed N]
    python benchmarks/simulator.py --faces FOLDER [--people TABLE_OR_RULE] [--learn N] [--hours H] [--seed N]

DIR holds FER2013. Each moment of a stream is a reading of the shipped network of a validation face of the true
expression, held for half a second to two seconds, misreadings too: the stream has the network's real confusions and
confidences, and they last. On top come blinks, talk, yawns, turned heads and drop-outs.

FOLDER holds labelled pictures of people, as of benchmarks/other_faces.py. Each of them sits alone before the camera for
some hours, and every reading is of a picture of this person, jittered by small shifts, turns, scales and brightness
before the network; once as the network is, and once calibrated with N of that person's pictures of each expression.
Those are not in the stream, unless there is no other picture of an expression.

Strangers are invented people, where no such pictures are at hand: each shows every expression as one validation face
does, jittered, and is calibrated with evidence that shares two thirds of the variance with it, as of another day.

There are two schedules: moods as frequent as in the validation split, a minute each, and a living room, where a minute
of neutral is followed by some seconds of another expression.
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
from typing import NamedTuple, Protocol

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from mien.config import MoodConfig
from mien.errors import InputError, MienError
from mien.events import Reading
from mien.expression import Expression
from mien.mood import MoodTracker
from mien.vision.classifier import Classifier
from mien_training.data import fer2013
from mien_training.data.face_set import read_faces
from mien_training.data.picture_people import list_people
from mien_training.evaluation.metrics import softmax
from mien_training.evaluation.other_people import calibrate

FRAMES_A_SECOND = 8.0
VALIDATION_FACES = (1359, 900, 424, 460, 322, 39, 75)
"""Faces of the validation split by FER+'s majority, in the order of Expression."""

LIVING_ROOM = (0, 45, 14, 15, 12, 5, 9)
"""How often each other expression follows neutral in a living room: an assumption."""

SHORT_MOOD = (4.0, 12.0)  # shortest and mean seconds of an expression other than neutral in a living room
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
"""For each Expression the network's probabilities of its faces, float64 (count, 7); none of neutral's is empty."""

JITTERS = 12
"""Versions of each picture of a person."""

DAYS = 2 / 3
"""Correlation of a stranger's evidence on two days."""


class Schedule(Protocol):
    """Draws which mood follows, and for how long."""

    def __call__(
        self, before: Expression, present: NDArray[np.bool_], rng: np.random.Generator
    ) -> tuple[Expression, float]:
        """Return the next mood and its seconds. present: the expressions to draw from, bool (7,)."""
        ...


def validation_schedule(
    before: Expression, present: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[Expression, float]:
    """Return a mood as frequent as in the validation split, never twice in a row, of a minute on average."""
    shares = np.array(VALIDATION_FACES, float) * present * (np.arange(len(Expression)) != before)
    seconds = SHORTEST_MOOD + rng.exponential(MEAN_MOOD - SHORTEST_MOOD)
    return Expression(int(rng.choice(len(Expression), p=shares / shares.sum()))), seconds


def living_room_schedule(
    before: Expression, present: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[Expression, float]:
    """Return neutral for a minute on average, or after it another expression for some seconds."""
    if before != Expression.NEUTRAL:
        return Expression.NEUTRAL, SHORTEST_MOOD + rng.exponential(MEAN_MOOD - SHORTEST_MOOD)
    shares = np.array(LIVING_ROOM, float) * present
    seconds = SHORT_MOOD[0] + rng.exponential(SHORT_MOOD[1] - SHORT_MOOD[0])
    return Expression(int(rng.choice(len(Expression), p=shares / shares.sum()))), seconds


SCHEDULES: dict[str, Schedule] = {"validation split": validation_schedule, "living room": living_room_schedule}


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


class Person(NamedTuple):
    """A person's name, and readings of jittered pictures of this person as the network is, and after learning."""

    name: str
    plain: Pool
    learned: Pool


def read_people(args: argparse.Namespace, classifier: Classifier) -> list[Person]:
    """Return everybody in the folder with a neutral face and another. Raises InputError where there is nobody."""
    known = list_people(args.faces, args.people)
    images = read_faces(known.pictures).images
    names = np.array(known.people or ["everybody"] * len(images))
    labels = np.array([picture.label for picture in known.pictures])
    rng = np.random.default_rng(args.seed)
    people = []
    for name in np.unique(names):
        own = {key: images[(names == name) & (labels == key)] for key in Expression}
        if len(own[Expression.NEUTRAL]) and sum(len(faces) > 0 for faces in own.values()) > 1:
            print(f"reading {name}", file=sys.stderr, flush=True)
            people.append(read_person(str(name), own, args.learn, classifier, rng))
    if not people:
        raise InputError(f"{args.faces} has nobody with a neutral face and another expression: check --people.")
    print(f"{len(people)} of {len(np.unique(names))} people have a neutral face and another", file=sys.stderr)
    return people


def read_person(
    name: str,
    own: dict[Expression, NDArray[np.uint8]],
    learn: int,
    classifier: Classifier,
    rng: np.random.Generator,
) -> Person:
    """Return the readings of a person. own: faces by expression. learn: how many of each to calibrate with."""
    present = {key: faces for key, faces in own.items() if len(faces)}
    household = calibrate(
        {key: [classifier.evidence(face) for face in faces[:learn]] for key, faces in present.items()},
        classifier.contract.class_means,
    )
    temperature = classifier.contract.even_temperature
    plain, learned = [], []
    for faces in own.values():
        evidence = np.zeros((0, len(Expression)), np.float32)
        if len(faces):
            kept = faces[learn:] if len(faces) > learn else faces
            evidence = np.array([classifier.evidence(jitter(face, rng)) for face in kept for _ in range(JITTERS)])
        plain.append(np.asarray(softmax(evidence / temperature), np.float64))
        calibrated = household.apply(evidence) if len(faces) else evidence
        learned.append(np.asarray(softmax(np.asarray(calibrated, np.float32) / temperature), np.float64))
    return Person(name, plain, learned)


def invent_people(args: argparse.Namespace, classifier: Classifier) -> list[Person]:
    """Return strangers made of validation faces.

    With DAYS of 2/3 they are named right as often as the people of two studio sets before and after learning one
    picture of each expression from another day: 0.84 and 0.91 of their pictures, 0.82 and 0.92 there.
    """
    faces = fer2013.read(args.data, "PublicTest").view(classifier.contract.view)
    means = np.array(classifier.contract.class_means)
    temperature = classifier.contract.even_temperature
    rng = np.random.default_rng(args.seed)
    people = []
    for number in range(args.strangers):
        print(f"inventing person {number + 1} of {args.strangers}", file=sys.stderr, flush=True)
        chosen = [rng.choice(np.flatnonzero(faces.labels == key), 2) for key in Expression]
        evidence = np.array(
            [[classifier.evidence(jitter(faces.images[own], rng)) for _ in range(JITTERS)] for own, _ in chosen]
        )
        others = np.array([classifier.evidence(faces.images[other]) for _, other in chosen])
        day = means + DAYS * (evidence.mean(axis=1) - means) + math.sqrt(1 - DAYS**2) * (others - means)
        household = calibrate({key: day[key][np.newaxis] for key in Expression}, means)
        calibrated = np.asarray(household.apply(evidence), np.float32)
        plain, learned = (
            [np.asarray(softmax(rows / np.float32(temperature)), np.float64) for rows in array]
            for array in (evidence, calibrated)
        )
        people.append(Person(str(number), plain, learned))
    return people


def jitter(face: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return a face, uint8 (48, 48, 1), as another frame might have it: moved, turned, scaled, brighter or darker.

    A pixel or two, three degrees, 5 % of the size, 10 % of the contrast and 8 grey levels.
    """
    side = face.shape[0]
    matrix = cv2.getRotationMatrix2D(((side - 1) / 2,) * 2, rng.normal(0, 3), rng.uniform(0.95, 1.05))
    matrix[:, 2] = matrix[:, 2] + rng.normal(0, 1, 2)
    moved = cv2.warpAffine(face[:, :, 0].astype(np.float32), matrix, (side, side), borderMode=cv2.BORDER_REPLICATE)
    mean = moved.mean()
    lit = (moved - mean) * rng.uniform(0.9, 1.1) + mean + rng.normal(0, 8)
    return np.asarray(np.clip(lit, 0, 255), np.uint8)[:, :, np.newaxis]


def stream(pool: Pool, schedule: Schedule, hours: float, rng: np.random.Generator) -> Iterator[Moment]:
    """Yield frames with jittered times. The first mood is neutral."""
    present = np.array([len(readings) > 0 for readings in pool])
    at, truth = 0.0, Expression.NEUTRAL
    mood_ends = SHORTEST_MOOD
    burst_ends = 0.0
    held = pool[truth][0]
    disturbances = _Disturbances(pool, rng)
    while at < hours * 3600:
        at += rng.uniform(0.6, 1.4) / FRAMES_A_SECOND
        if at >= mood_ends:
            truth, seconds = schedule(truth, present, rng)
            mood_ends, burst_ends = at + seconds, at
        if at >= burst_ends:
            held = pool[truth][rng.integers(len(pool[truth]))]
            burst_ends = at + rng.uniform(*BURST)
        yield Moment(at, truth, disturbances.reading(at, held))


class _Disturbances:
    """Disturbances of a face in front of a camera, each at random times and for a random time."""

    def __init__(self, pool: Pool, rng: np.random.Generator) -> None:
        self._pool, self._rng = pool, rng
        self._present = [expression for expression in Expression if len(pool[expression])]
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
                self._other = self._draw(self._any())
            return _as_reading(0.6 * held + 0.4 * self._other, at)
        if "blink" in active:
            return _as_reading(0.6 * held + 0.4 * self._pool[self._or_neutral(Expression.SAD)].mean(axis=0), at)
        return _as_reading(held, at)

    def _is_active(self, name: str, at: float) -> bool:
        pause, shortest, longest = self._kinds[name]
        if at >= self._begins[name]:
            self._ends[name] = at + self._rng.uniform(shortest, longest)
            self._begins[name] = self._ends[name] + self._rng.exponential(pause)
            if name in {"turn", "yawn"}:
                other = self._any()
                self._other = self._draw(self._or_neutral(Expression.SURPRISE) if name == "yawn" else other)
        return at < self._ends[name]

    def _any(self) -> Expression:
        return self._present[int(self._rng.integers(len(self._present)))]

    def _or_neutral(self, expression: Expression) -> Expression:
        """Return the expression, or neutral where there is no picture of it."""
        return expression if len(self._pool[expression]) else Expression.NEUTRAL

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


def simulate_faces(args: argparse.Namespace, classifier: Classifier) -> None:
    """Print a table of FER2013's faces, each schedule apart; with --curve sweep every estimator."""
    pool = read_pool(args.data, classifier)
    points: dict[str, dict[str, list[Score]]] = {}
    for number, (schedule_name, schedule) in enumerate(SCHEDULES.items()):
        moments = list(stream(pool, schedule, args.hours, np.random.default_rng(args.seed)))
        print_header(f"{schedule_name}, {args.hours:g} hours")
        scores: dict[str, list[Score]] = {}
        swept = curves() if args.curve and number == 0 else {}
        for name, makes in ({key: [make] for key, make in estimators().items()} | swept).items():
            for make in makes:
                result = score(moments, make())
                scores.setdefault(name, []).append(result)
                print_score(name, result)
        points[schedule_name] = scores
        if args.out and number == 0:
            args.out.mkdir(parents=True, exist_ok=True)
            draw_example(moments, args.out / "tracker.svg")
            if swept:
                draw({name: scores[name] for name in swept}, args.out / "simulator.svg")
    if args.out:
        (args.out / "simulator.json").write_bytes(msgspec.json.format(msgspec.json.encode(points)))


def simulate_people(args: argparse.Namespace, classifier: Classifier) -> None:
    """Print a table of hours of one person each: the mean over people, before and after learning."""
    people = invent_people(args, classifier) if args.strangers else read_people(args, classifier)
    for schedule_name, schedule in SCHEDULES.items():
        print_header(f"{schedule_name}, {len(people)} people, {args.hours:g} hours each")
        for name, pools in (
            ("mien, nobody learned", [person.plain for person in people]),
            (f"mien, {args.learn} a face learned", [person.learned for person in people]),
        ):
            results = []
            for number, pool in enumerate(pools):
                moments = list(stream(pool, schedule, args.hours, np.random.default_rng([args.seed, number])))
                results.append(score(moments, MienEstimator(MoodConfig())))
                print(f"{number + 1} of {len(pools)}", end="\r", file=sys.stderr, flush=True)
            print_score(name, mean_score(results))


def mean_score(scores: list[Score]) -> Score:
    """Return the mean over people; of the delays the median."""
    return Score(
        float(np.median([each.delay for each in scores])),
        float(np.mean([each.false for each in scores])),
        float(np.mean([each.right for each in scores])),
        float(np.mean([each.followed for each in scores])),
    )


def print_header(title: str) -> None:
    """Print the head of a table."""
    print(f"{title:44}{'delay':>8}{'false/h':>9}{'right':>7}{'followed':>10}", flush=True)


def print_score(name: str, result: Score) -> None:
    """Print a row of a table."""
    print(f"{name:44}{result.delay:7.1f}s{result.false:9.1f}{result.right:7.2f}{result.followed:10.2f}", flush=True)


def main() -> None:
    """Simulate FER2013's faces, or people."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, help="folder with FER2013")
    source.add_argument("--faces", type=Path, help="folder of labelled pictures: one person at a time")
    parser.add_argument("--strangers", type=int, default=0, metavar="N", help="with --data: so many invented people")
    parser.add_argument("--people", metavar="TABLE_OR_RULE", help="with --faces: who is in each picture")
    parser.add_argument("--learn", type=int, default=1, metavar="N", help="with --faces: pictures of each expression")
    parser.add_argument("--model", type=Path, help="default: the shipped one")
    parser.add_argument("--hours", type=float, default=4.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--curve", action="store_true", help="sweep each estimator's own parameter")
    parser.add_argument("--out", type=Path, help="write simulator.json and pictures there")
    args = parser.parse_args()
    if args.learn < 1 or args.strangers < 0:
        parser.error("--learn must be at least 1, and --strangers at least 0")
    classifier = Classifier.load(args.model) if args.model else Classifier.load()
    (simulate_people if args.faces or args.strangers else simulate_faces)(args, classifier)


if __name__ == "__main__":
    try:
        main()
    except MienError as error:
        sys.exit(str(error))
