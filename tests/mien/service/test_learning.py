"""Learning a face: steady readings of each expression are collected, what helps is kept, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from mien.calibration import HouseholdCalibration
from mien.clock import Clock
from mien.config import MoodConfig, VisionConfig
from mien.controls import Controls
from mien.errors import LearningError
from mien.events import Face, Reading
from mien.expression import Expression
from mien.service.learning import (
    BLOCKS,
    DEADLINE,
    MIN_BLOCKS,
    SETTLE,
    HouseholdLearner,
    LearningSession,
    format_gain,
    keep,
    to_evidence,
)
from mien.service.people_store import PeopleStore
from mien.vision.classifier import EvidenceCalibration
from mien.vision.recognizer import Observation
from tests.fakes.contracts import PLAIN

MEANS = 6 * np.eye(7) - 6 / 7
SHIFT = np.array([0.0, 0, 5, 0, 0, 0, -5])
CONTRACT = msgspec.structs.replace(PLAIN, class_means=tuple(map(tuple, MEANS.tolist())), even_temperature=0.8)
CLOCK = Clock(wall=lambda: 1_800_000_000.0)  # 2027-01-15
FACE = Face(10, 10, 100, 100)


def reading(evidence: NDArray[np.float64], at: float, weight: float = 1.0) -> Reading:
    """Return the reading that a classifier makes of evidence."""
    odds = np.exp(evidence / CONTRACT.even_temperature)
    return Reading(tuple((odds / odds.sum()).tolist()), at, weight)


class Person:
    """Poses before a session, ten frames a second, with a little noise; each step of a clock is one frame."""

    def __init__(self, shift: NDArray[np.float64] = SHIFT) -> None:
        self.at, self._shift, self._rng = 0.0, shift, np.random.default_rng(0)

    def frame(self, expression: Expression | None, weight: float = 1.0, faces: int = 1) -> Observation:
        """Return the next frame's observation; None: no face is in view."""
        self.at = round(self.at + 0.1, 1)
        if expression is None:
            return Observation(self.at, (), None)
        evidence = MEANS[expression] + self._shift + self._rng.normal(0, 0.2, 7)
        return Observation(self.at, (FACE,) * faces, reading(evidence - evidence.mean(), self.at, weight))

    def pose(self, session: LearningSession, late: float = 0.0, **how: Any) -> None:
        """Show each expression `late` seconds after its request, until the session is over."""
        former, requested, since = Expression.NEUTRAL, session.expression, 0.0
        while session.expression is not None:
            if session.expression != requested:
                former, requested, since = requested or former, session.expression, self.at
            session.update(self.frame(former if self.at - since < late else requested, **how))
            assert self.at < 100


def test_evidence_is_recovered_from_a_reading() -> None:
    """Up to the precision of its probabilities."""
    evidence = MEANS[2] + SHIFT
    np.testing.assert_allclose(to_evidence(reading(evidence, 0.0), 0.8), evidence - evidence.mean(), atol=1e-9)
    assert np.isfinite(to_evidence(Reading((1.0, 0, 0, 0, 0, 0, 0), 0.0), 0.8)).all()


@pytest.mark.parametrize("late", [0.0, 1.0, 3.0])
def test_a_person_poses(late: float) -> None:
    """All seven within 20 to 45 seconds, each with readings of that expression, however late it is shown."""
    person, session = Person(), LearningSession(CONTRACT)
    person.pose(session, late)
    assert list(session.readings) == list(Expression)
    assert 20 <= person.at <= (45 if late < 2 else 60)
    for expression, blocks in session.readings.items():
        assert len(blocks) == BLOCKS
        np.testing.assert_allclose(np.mean(blocks, axis=0), MEANS[expression] + SHIFT, atol=0.6)
    assert session.fault == ""
    assert session.progress == 0
    session.update(person.frame(Expression.HAPPY))  # is ignored
    assert len(session.readings[Expression.HAPPY]) == BLOCKS


def test_steps_can_be_skipped_but_neutral() -> None:
    """What is skipped is not among the readings."""
    person, session = Person(), LearningSession(CONTRACT)
    assert not session.skip()
    while session.expression == Expression.NEUTRAL:
        session.update(person.frame(Expression.NEUTRAL))
    assert session.skip()
    assert session.expression == Expression.SAD
    person.pose(session)
    assert set(Expression) - set(session.readings) == {Expression.HAPPY}
    assert not session.skip()


@pytest.mark.parametrize("how", [{"weight": 0.3}, {"faces": 2}], ids=["a poor picture", "two faces"])
def test_without_a_good_face_nothing_is_learned(how: dict[str, Any]) -> None:
    """Neutral ends at its deadline, and with it the session, which gives the reason."""
    person, session = Person(), LearningSession(CONTRACT)
    person.pose(session, **how)
    assert session.readings == {}
    assert "neutral" in session.fault
    assert DEADLINE <= person.at <= DEADLINE + 1


def test_an_expression_that_is_not_shown_is_left_out() -> None:
    """Nobody in view for one expression: the next follows after the deadline."""
    person, session = Person(), LearningSession(CONTRACT)
    while (expression := session.expression) is not None:
        session.update(person.frame(None if expression == Expression.DISGUST else expression))
    assert set(Expression) - set(session.readings) == {Expression.DISGUST}


def test_a_face_that_never_holds_still_gives_its_latest_readings() -> None:
    """After the deadline: what changes all the time is what this person shows."""
    person, session = Person(), LearningSession(CONTRACT)
    for frame in range(1000):
        if session.expression == Expression.NEUTRAL:
            session.update(person.frame(Expression(frame // 5 % 3)))
    assert MIN_BLOCKS <= len(session.readings[Expression.NEUTRAL]) <= BLOCKS
    assert person.at >= DEADLINE


def test_the_transition_is_dropped() -> None:
    """Of the first seconds after a request nothing is collected."""
    person, session = Person(), LearningSession(CONTRACT)
    while person.at < SETTLE:
        session.update(person.frame(Expression.ANGRY))
        assert session.phase == "settle"
    person.pose(session)
    np.testing.assert_allclose(np.mean(session.readings[Expression.NEUTRAL], axis=0), MEANS[0] + SHIFT, atol=0.6)


def test_a_recording_may_end_early() -> None:
    """What was collected counts if neutral is among it."""
    person, session = Person(), LearningSession(CONTRACT)
    while person.at < SETTLE + 2.2:
        session.update(person.frame(Expression.NEUTRAL))
    session.finish()
    assert list(session.readings) == [Expression.NEUTRAL]
    assert (session.expression, session.phase, session.fault) == (None, "done", "")
    empty = LearningSession(CONTRACT)
    empty.finish()
    assert empty.fault


def collected(shift: NDArray[np.float64] = SHIFT) -> dict[Expression, list[NDArray[np.float64]]]:
    session = LearningSession(CONTRACT)
    Person(shift).pose(session)
    return session.readings


def test_what_helps_is_kept(tmp_path: Path) -> None:
    """With the day, the counts and the network's digest, and the gain as a sentence."""
    store = PeopleStore(tmp_path)
    check = keep(store, "Ann", collected(), CONTRACT, CLOCK)
    assert check.right_after > check.right_before
    person = store.read()["Ann"]
    assert person.network == CONTRACT.network_sha256
    assert {one.learned for one in person.expressions.values()} == {"2027-01-15"}
    assert {one.count for one in person.expressions.values()} == {BLOCKS}
    text = format_gain("Ann", check)
    assert text.startswith("Learned Ann: neutral, happy, sad, ")
    assert "100% are classified right instead of" in text


def test_what_does_not_help_is_refused(tmp_path: Path) -> None:
    """The former state is kept."""
    store = PeopleStore(tmp_path)
    keep(store, "Ann", collected(), CONTRACT, CLOCK)
    before = store.path.read_bytes()
    apart = 5.5 * (np.eye(7)[Expression.DISGUST] - np.eye(7)[Expression.FEAR])
    readings = {key: [MEANS[key]] * 2 for key in Expression}
    readings[Expression.NEUTRAL] = [MEANS[0] + apart, MEANS[0] - apart]
    store.clear()
    store.path.write_bytes(before)
    store.remove("Ann")
    with pytest.raises(LearningError, match="neutral would be classified right less often"):
        keep(store, "Bob", readings, CONTRACT, CLOCK)
    assert store.read() == {}
    assert LearningError.exit_code == 7


class FakeClassifier:
    """What a learner uses of a classifier."""

    def __init__(self) -> None:
        self.contract = CONTRACT
        self.calibration: EvidenceCalibration | None = None


class LearnerRun:
    """A learner in a daemon, and the states that it publishes."""

    def __init__(self, directory: Path) -> None:
        self.controls = Controls(VisionConfig(), MoodConfig())
        self.classifier = FakeClassifier()
        self.store = PeopleStore(directory)
        self.learner = HouseholdLearner(self.classifier, self.store, self.controls, CLOCK)
        self.states: list[str] = []

    def frame(self, observation: Observation) -> None:
        self.learner.poll()
        if self.learner.active:
            self.learner.update(observation)
        if self.states[-1:] != [self.controls.learning.state]:
            self.states.append(self.controls.learning.state)

    def run(self, person: Person, seconds: float = 60.0) -> None:
        """Show what is requested."""
        end = person.at + seconds
        while person.at < end:
            state = self.controls.learning.state
            self.frame(person.frame(Expression.from_label(state) if state in EXPRESSIONS else Expression.NEUTRAL))


EXPRESSIONS = {expression.label for expression in Expression}


def test_the_daemon_learns_on_request(tmp_path: Path) -> None:
    """The requested expressions are its states; then it classifies with what was learned."""
    run = LearnerRun(tmp_path)
    run.frame(Person().frame(Expression.NEUTRAL))
    assert run.controls.learning.state == "idle"
    run.controls.request_learning("Ann")
    run.run(Person())
    assert run.states == ["idle", *(expression.label for expression in Expression), "kept"]
    assert run.controls.learning.person == "Ann"
    assert "classified right" in run.controls.learning.detail
    assert isinstance(run.classifier.calibration, HouseholdCalibration)
    assert list(run.store.read()) == ["Ann"]


def test_a_second_request_skips(tmp_path: Path) -> None:
    """Of the same person; another's is refused while one is learned."""
    run, person = LearnerRun(tmp_path), Person()
    states = []
    for name, seconds in (("Ann", 6.0), ("Bob", 0.2), ("Ann", 0.2)):
        run.controls.request_learning(name)
        run.run(person, seconds)
        states.append(run.controls.learning.state)
    assert states == ["happy", "happy", "sad"]
    run.run(person)
    assert set(EXPRESSIONS) - set(run.store.read()["Ann"].expressions) == {"happy"}


def test_learning_is_without_what_was_learned(tmp_path: Path) -> None:
    """The readings to learn from are plain ones, and a session that fails restores the calibration."""
    run = LearnerRun(tmp_path)
    run.controls.request_learning("Ann")
    run.run(Person())
    run.controls.request_learning("Ann")
    run.frame(Person().frame(None))
    assert run.classifier.calibration is None
    run.learner.abort("detection is off")
    assert run.controls.learning.state == "refused"
    assert "detection is off" in run.controls.learning.detail
    assert isinstance(run.classifier.calibration, HouseholdCalibration)
    assert not run.learner.active


def test_requests_without_a_camera_are_refused(tmp_path: Path) -> None:
    """They do not wait until somebody else sits before it."""
    run = LearnerRun(tmp_path)
    run.learner.abort("the camera does not work")
    assert run.controls.learning.state == "idle"
    run.controls.request_learning("Ann")
    run.learner.abort("the camera does not work")
    assert (run.controls.learning.state, run.controls.learning.person) == ("refused", "Ann")
    assert run.controls.next_learning_request() is None


def test_nobody_in_view_is_refused(tmp_path: Path) -> None:
    """After the first deadline."""
    run, person = LearnerRun(tmp_path), Person()
    run.controls.request_learning("Ann")
    while person.at < DEADLINE + 1:
        run.frame(person.frame(None))
    assert run.states == ["neutral", "refused"]
    assert run.store.read() == {}


def test_a_damaged_file_refuses_learning(tmp_path: Path) -> None:
    """In the sensor's detail; the daemon goes on."""
    run = LearnerRun(tmp_path)
    run.store.path.write_text("{")
    run.controls.request_learning("Ann")
    run.run(Person())
    assert run.controls.learning.state == "refused"
    assert "mien learn forget" in run.controls.learning.detail
    assert run.store.path.read_text() == "{"
