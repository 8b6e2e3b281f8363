"""From a stream of readings to a stable mood. Pure: it has no clock but the readings' times.

A recursive Bayesian filter over the seven expressions, a hidden Markov model in continuous time (Rabiner 1989 for the
discrete one). Between two readings a mood persists with the probability exp(-t / hold), or else one is drawn from the
prior; a reading then multiplies each expression's probability by its likelihood. Readings close in
time share their faults (a blink, a word, a turned head), so that a reading counts in proportion to the time since the
last, and as one whole piece of evidence only after `memory` seconds: twice the frame rate is not twice the evidence.
The less a reading resembles those of the last `memory` seconds, the less it can share with them, and the more it
counts.

Faces are unlike, too: one that is read as sad while it rests would be sad for hours. So the filter adapts to the faces
before it. An expression that the readings name more often than the prior, over a quarter of an hour, is by that factor
less likely the true one when they name it; the prior stands for how often it is shown.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mien.config import MoodConfig
from mien.events import Mood, Reading, most_probable
from mien.expression import Expression, Prior

HYSTERESIS = 0.2
"""Probability by which another expression must lead the present mood, so that two equals do not alternate."""

PRIOR: Prior = (0.55, 0.16, 0.07, 0.07, 0.06, 0.04, 0.05)
"""How much of the time in a living room each expression is shown, in the order of Expression. Mostly neutral, with
short other expressions; those that rarely appear keep enough for a clear face to be followed in seconds."""

NOVELTY_GAIN = 2.0
"""How much more a reading counts that is wholly unlike the recent ones. From 1 to 4 the simulator's false changes are
about half of those without, at the same delay, also at 3 and 15 frames a second, and with noisy readings."""

ADAPTATION = 900.0
"""Seconds over which the readings are averaged that are compared with the prior; 600 to 1800 give the same."""

MAX_EXCESS = 7.4
"""Largest factor by which an expression's likelihood is lowered, e squared: a clear expression remains the mood however
long it is shown."""

_MAX_GAP = 1.0  # seconds for which one reading counts in that average
_FLOOR = 0.001  # added to each likelihood: no reading excludes an expression


class MoodTracker:
    """Filters readings into changes of the mood.

    Frame rates may vary and frames may be missing: only time counts. A reading from before the last is ignored;
    readings of one instant count as their mean, in whatever order they come. threshold: may be set at any time, 0 to 1.
    """

    def __init__(self, config: MoodConfig) -> None:
        self.threshold = config.threshold
        self._config = config
        self.reset()

    def reset(self) -> None:
        """Return to the initial state, as after a camera was off: the next mood is returned even if it is the same."""
        self._now = -math.inf
        self._face_at: float | None = None  # when a face was last in view, or the first frame came
        self._elapsed = math.inf  # since then, in units of `memory`
        self._gap = 0.0  # since then, in seconds, at most _MAX_GAP
        self._usual = PRIOR  # moving average of the readings, with the time constant ADAPTATION
        self._reported: _Decision | None = None
        self._reset_filter()

    def _reset_filter(self) -> None:
        self._posterior = PRIOR
        self._decision = _Decision()
        self._recent = PRIOR  # moving average of the readings, with the time constant `memory`
        self._begin_instant()

    def _begin_instant(self) -> None:
        # as they were before this instant's readings:
        self._before = self._posterior, self._decision, self._recent, self._usual
        self._excess = [
            min(MAX_EXCESS, max(1.0, usual / prior)) for usual, prior in zip(self._usual, PRIOR, strict=True)
        ]
        # with each of this instant's readings:
        self._log_likelihoods: list[list[float]] = []
        self._recents: list[list[float]] = []
        self._usuals: list[list[float]] = []

    @property
    def probabilities(self) -> tuple[float, ...]:
        """The posterior, one for each Expression, summing to 1."""
        return self._posterior

    def update(self, reading: Reading | None, at: float) -> Mood | None:
        """Take one frame into account and return the new mood if that changes it.

        reading: the frame's, None if no face is in view. at: seconds, the frame's.
        """
        if not self._predict(at):
            return None
        return self._update_absence(at) if reading is None else self._update_posterior(reading)

    def _update_absence(self, at: float) -> Mood | None:
        """Return a mood without expression once no face has been in view for `absent_after` seconds."""
        if self._face_at is None:
            self._face_at = at
        if at - self._face_at < self._config.absent_after or self._reported == _Decision():
            return None
        self._reset_filter()
        self._reported = _Decision()
        return Mood(None, 0.0, (), at)

    def _update_posterior(self, reading: Reading) -> Mood | None:
        """Apply Bayes' rule with a reading, and decide."""
        self._face_at = self._now
        prior, decision, recent, usual = self._before
        self._log_likelihoods.append(self._log_likelihood(reading, recent))
        self._recents.append(_moved(recent, reading, -math.expm1(-self._elapsed)))  # whatever its weight
        self._usuals.append(_moved(usual, reading, reading.weight * self._gap / ADAPTATION))
        log_likelihood = _mean(self._log_likelihoods)
        self._posterior = _normalized([p * math.exp(log) for p, log in zip(prior, log_likelihood, strict=True)])
        self._recent, self._usual = _mean(self._recents), _mean(self._usuals)
        self._decision = self._decide(decision)
        mood = self._decision.mood
        if mood is None or (self._reported is not None and mood == self._reported.mood):
            return None
        self._reported = self._decision
        return Mood(mood, self._posterior[mood], self._posterior, self._now)

    def _predict(self, at: float) -> bool:
        """Advance the filter to a time: the posterior decays towards the prior. False for a time before now, or NaN."""
        if not math.isfinite(at) or at < self._now:
            return False
        if at > self._now:
            keep = math.exp((self._now - at) / self._config.hold)
            pairs = zip(self._posterior, PRIOR, strict=True)
            self._posterior = tuple(keep * p + (1 - keep) * prior for p, prior in pairs)
            elapsed = math.inf if self._face_at is None else at - self._face_at
            self._elapsed, self._gap = elapsed / self._config.memory, min(_MAX_GAP, elapsed)
            self._now = at
            self._begin_instant()
        return True

    def _log_likelihood(self, reading: Reading, recent: Sequence[float]) -> list[float]:
        """Return what a reading adds to the logarithm of each expression's probability."""
        novelty = sum(abs(q - r) for q, r in zip(reading.probabilities, recent, strict=True)) / 2
        weight = reading.weight * min(1.0, self._elapsed * (1 + NOVELTY_GAIN * novelty))
        pairs = zip(reading.probabilities, self._excess, strict=True)
        return [weight * math.log((likelihood + _FLOOR) / excess) for likelihood, excess in pairs]

    def _decide(self, decision: _Decision) -> _Decision:
        """Return the decision after this instant: a candidate that has led for `dwell` seconds becomes the mood."""
        leader = most_probable(self._posterior)
        lead = self._posterior[leader] - (self._posterior[decision.mood] if decision.mood is not None else 0.0)
        if leader == decision.mood or self._posterior[leader] < self.threshold or lead < HYSTERESIS:
            return _Decision(decision.mood)
        since = decision.since if decision.candidate == leader else self._now
        if self._now - since < self._config.dwell or since == self._now:  # one instant alone decides nothing
            return _Decision(decision.mood, leader, since)
        return _Decision(leader)


@dataclass(frozen=True, slots=True)
class _Decision:
    """The present mood, and the candidate that leads it. since: seconds, when the candidate began to lead."""

    mood: Expression | None = None
    candidate: Expression | None = None
    since: float = 0.0


def _moved(average: Sequence[float], reading: Reading, share: float) -> list[float]:
    """Return a moving average with a reading in it. share: of the reading in the new average, 0 to 1."""
    return [a + share * (q - a) for q, a in zip(reading.probabilities, average, strict=True)]


def _mean(rows: Sequence[Sequence[float]]) -> tuple[float, ...]:
    if len(rows) == 1:  # nearly always
        return tuple(rows[0])
    return tuple(math.fsum(column) / len(rows) for column in zip(*rows, strict=True))


def _normalized(values: list[float]) -> tuple[float, ...]:
    total = math.fsum(values)
    return tuple(value / total for value in values)
