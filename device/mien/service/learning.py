"""Learning a face: a person shows one expression after the other, and steady readings of each are collected.

`LearningSession` is pure and runs on the frames' own times. `HouseholdLearner` runs one inside the daemon, which a
client started.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from mien.calibration import CrossCheck, ExpressionSummary, choose_strength, mean_length
from mien.clock import Clock
from mien.controls import Controls, LearningStatus
from mien.errors import LearningError
from mien.events import Reading
from mien.expression import LABELS, Expression
from mien.service.people import PeopleStore, StoredExpression, StoredPerson, household, load_household
from mien.vision.classifier import EvidenceCalibration
from mien.vision.model_file import Contract
from mien.vision.recognizer import Observation

SETTLE = 1.5
"""Seconds after the request of an expression in which a face still changes; they are dropped."""

BLOCK = 0.5
"""Seconds whose readings are averaged into one, since frames this near are nearly equal."""

BLOCKS = 5
"""Steady blocks that make an expression."""

MIN_BLOCKS = 3
"""Blocks that are enough where the time runs out, steady or not: the latest ones."""

DEADLINE = 12.0
"""Seconds for an expression from its request on."""

MIN_WEIGHT = 0.7
"""The least weight of a reading: a face of good quality."""

JUMP = 0.35
"""Two neighbouring blocks that differ by more than this times the class means' length are not of one expression."""

Phase = Literal["settle", "search", "hold", "done"]
"""The face is changing; no good face is in view; steady readings are collected; the session is over."""

Blocks = list[NDArray[np.float64]]
"""Evidence of blocks of readings, each (7,)."""

log = logging.getLogger(__name__)


class _Step:
    """The readings of one expression, averaged into blocks. began: when it was requested, seconds."""

    def __init__(self, began: float | None, jump: float) -> None:
        self.began, self._jump = began, jump
        self.steady: Blocks = []
        self.latest: Blocks = []  # steady or not
        self.drop_open_block()

    def drop_open_block(self) -> None:
        """Begin the present block again, with the next reading."""
        self._open: Blocks = []
        self._block_began: float | None = None

    def add(self, evidence: NDArray[np.float64], at: float) -> None:
        """Add a reading to the open block, and close the block where it is complete."""
        if self._block_began is None:
            self._block_began = at
        self._open.append(evidence)
        if at - self._block_began < BLOCK:
            return
        block = np.asarray(np.mean(self._open, axis=0), np.float64)
        self._open, self._block_began = [], at
        previous = self.latest[-1] if self.latest else block
        if float(np.linalg.norm(block - previous)) > self._jump:
            self.steady = []  # the face has only now become what was requested, or is just becoming so
        else:
            self.steady.append(block)
        self.latest = [*self.latest, block][-BLOCKS:]

    def result(self, at: float) -> Blocks | None:
        """Return the blocks once there are enough; after the deadline the latest, maybe none; None until then."""
        if len(self.steady) >= BLOCKS:
            return self.steady
        if self.began is None or at - self.began < DEADLINE:
            return None
        return self.latest if len(self.latest) >= MIN_BLOCKS else []


class LearningSession:
    """Collects readings of the expressions, one after the other, neutral first.

    readings: by expression, each a list of evidence, one for each block. fault: why nothing can be learned; empty if
    it can.
    """

    def __init__(self, contract: Contract) -> None:
        self.readings: dict[Expression, Blocks] = {}
        self.fault = ""
        self.phase: Phase = "settle"
        self._temperature = contract.even_temperature
        self._jump = JUMP * mean_length(np.asarray(contract.class_means))
        self._remaining = list(Expression)
        self._step = _Step(None, self._jump)

    @property
    def expression(self) -> Expression | None:
        """The expression to show; None when the session is over."""
        return self._remaining[0] if self._remaining else None

    @property
    def progress(self) -> float:
        """How much of the expression was collected, 0 to 1."""
        return len(self._step.steady) / BLOCKS

    def update(self, observation: Observation) -> None:
        """Take one frame into account."""
        expression, step, at = self.expression, self._step, observation.at
        if expression is None or not math.isfinite(at):
            return
        if step.began is None:
            step.began = at
        if at - step.began < SETTLE:
            self.phase = "settle"
            return
        reading = observation.reading
        if reading is not None and len(observation.faces) == 1 and reading.weight >= MIN_WEIGHT:
            self.phase = "hold"
            step.add(to_evidence(reading, self._temperature), at)
        else:
            self.phase = "search"
            step.drop_open_block()
        blocks = step.result(at)
        if blocks is None:
            return
        if blocks:
            self.readings[expression] = blocks
        elif expression == Expression.NEUTRAL:
            self.finish()
            return
        self._next_step(at)

    def skip(self) -> bool:
        """Leave out the present expression, and return whether that is possible: neutral is needed."""
        if self.expression in (None, Expression.NEUTRAL):
            return False
        self._next_step(None)
        return True

    def finish(self) -> None:
        """End the session with what was collected, as at the end of a recording."""
        if self.expression is not None and len(self._step.steady) >= MIN_BLOCKS:
            self.readings[self.expression] = self._step.steady
        self._remaining = []
        self._step = _Step(None, self._jump)
        self.phase = "done"
        if Expression.NEUTRAL not in self.readings:
            self.fault = "no steady neutral face was in view"

    def _next_step(self, at: float | None) -> None:
        """Request the next expression; at: now, None where the next frame's time is to count."""
        del self._remaining[0]
        self._step = _Step(at, self._jump)
        self.phase = "settle" if self._remaining else "done"


def to_evidence(reading: Reading, temperature: float) -> NDArray[np.float64]:
    """Return the evidence that a reading under an even prior was made of, (7,), centred."""
    logs = temperature * np.log(np.maximum(reading.probabilities, np.finfo(np.float32).tiny))
    return np.asarray(logs - logs.mean(), np.float64)


def keep(
    store: PeopleStore,
    name: str,
    readings: Mapping[Expression, Blocks],
    contract: Contract,
    clock: Clock,
) -> CrossCheck:
    """Check what a calibration from these readings gains, and store it under the name where it helps.

    Raises LearningError where it does not, or where it cannot be stored: what was learned before then stays.
    """
    arrays = {key: np.array(rows) for key, rows in readings.items()}
    others = {other: person for other, person in store.read().items() if other != name}
    known = household(others, contract)
    strength, check = choose_strength(
        arrays, contract.class_means, contract.even_temperature, known.people if known else {}
    )
    if strength == 0:
        raise LearningError(format_refusal(check))
    day = datetime.fromtimestamp(clock.wall(), UTC).strftime("%Y-%m-%d")
    expressions = {}
    for key, array in arrays.items():
        one = ExpressionSummary.summarize(array)
        mean = tuple(round(value, 4) for value in one.mean)
        expressions[key.label] = StoredExpression(mean=mean, spread=round(one.spread, 4), count=one.count, learned=day)
    store.put(name, StoredPerson(network=contract.network_sha256, strength=strength, expressions=expressions))
    return check


def format_gain(name: str, check: CrossCheck) -> str:
    """Return what was learned and what it gains, as a sentence or two."""
    labels = ", ".join(key.label for key in check.before)
    readings = "readings that were held out" if check.held_out else "these readings"
    return (
        f"Learned {name}: {labels}. Of {readings} {check.right_after:.0%} are classified right instead of "
        f"{check.right_before:.0%}, and the right expression has a probability of {check.sure_after:.2f} instead of "
        f"{check.sure_before:.2f}."
    )


def format_refusal(check: CrossCheck) -> str:
    """Return why nothing is kept, and what to do."""
    advice = "show each expression clearly and steadily, in even light, and learn again."
    if not check.worse:
        return f"Nothing was kept, as it would gain nothing on readings that were held out: {advice}"
    worst = min(check.worse, key=lambda key: check.after[key] - check.before[key])
    return (
        f"Nothing was kept, as {worst.label} would be classified right less often ({check.after[worst]:.0%} instead of "
        f"{check.before[worst]:.0%} of the readings that were held out): {advice}"
    )


class Calibrated(Protocol):
    """What learning needs of a classifier."""

    contract: Contract
    calibration: EvidenceCalibration | None


class HouseholdLearner:
    """Runs learning sessions inside the daemon, on requests from `controls`, and publishes their state there."""

    def __init__(self, classifier: Calibrated, store: PeopleStore, controls: Controls, clock: Clock) -> None:
        self._classifier, self._store, self._controls, self._clock = classifier, store, controls, clock
        self._session: LearningSession | None = None
        self._name = ""

    @property
    def active(self) -> bool:
        """Whether a session runs: moods then are not of this person's own accord."""
        return self._session is not None

    def poll(self) -> None:
        """Carry out a request: start a session, or skip the present expression of the one that runs."""
        name = self._controls.next_learning_request()
        if name is None:
            return
        if self._session is None:
            self._name, self._session = name, LearningSession(self._classifier.contract)
            self._classifier.calibration = None  # the readings to learn from are those without
            self._publish()
        elif name != self._name:
            log.warning("%s is not learned now: %s is being learned.", name, self._name)
        elif self._session.skip():
            self._end_if_done()

    def update(self, observation: Observation) -> None:
        """Take one frame into account while a session runs."""
        if self._session is None:
            return
        self._session.update(observation)
        self._end_if_done()

    def abort(self, reason: str) -> None:
        """End a session, and refuse requests, since the camera is not open."""
        requested = False
        while (name := self._controls.next_learning_request()) is not None:
            self._name, requested = name, True
        if self._session is not None or requested:
            self._end("refused", f"Nothing was learned: {reason}.")

    def _end_if_done(self) -> None:
        session = self._session
        assert session is not None
        if session.expression is not None:
            self._publish()
            return
        session.finish()
        if session.fault:
            self._end("refused", f"Nothing was learned: {session.fault}.")
            return
        try:
            check = keep(self._store, self._name, session.readings, self._classifier.contract, self._clock)
        except LearningError as error:
            self._end("refused", str(error))
        else:
            self._end("kept", format_gain(self._name, check))

    def _end(self, state: Literal["kept", "refused"], detail: str) -> None:
        self._session = None
        self._classifier.calibration = load_household(self._classifier.contract, self._store)
        self._controls.learning = LearningStatus(state, self._name, detail)
        log.info("%s", detail)

    def _publish(self) -> None:
        session = self._session
        if session is not None and session.expression is not None:
            status = LearningStatus(LABELS[session.expression], self._name, "")
            if status != self._controls.learning:
                self._controls.learning = status
