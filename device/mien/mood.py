"""From a stream of readings to a stable mood. Pure: it has no clock but the readings' times.

A recursive Bayesian filter over the seven expressions, a hidden Markov model in continuous time (Rabiner 1989 for the
discrete one). Between two readings a mood persists with the probability exp(-t / hold), or else one is drawn from the
prior; a reading then multiplies each expression's probability by its likelihood. Readings close in
time share their faults (a blink, a word, a turned head), so that a reading counts in proportion to the time since the
last, and as one whole piece of evidence only after `memory` seconds: twice the frame rate is not twice the evidence.
The less a reading resembles those of the last `memory` seconds, the less it can share with them, and the more it
counts.
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
        self._reported: _Decision | None = None
        self._reset_filter()

    def _reset_filter(self) -> None:
        self._posterior = PRIOR
        self._decision = _Decision()
        self._recent = PRIOR  # moving average of the readings, with the time constant `memory`
        self._begin_instant()

    def _begin_instant(self) -> None:
        self._before = self._posterior, self._decision, self._recent  # as they were before this instant's readings
        self._log_likelihoods: list[list[float]] = []  # of each of this instant's readings
        self._averages: list[list[float]] = []  # the recent readings' average with each of them

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
        prior, decision, recent = self._before
        self._log_likelihoods.append(self._log_likelihood(reading, recent))
        self._averages.append(self._average(reading, recent))
        log_likelihood = _mean(self._log_likelihoods)
        self._posterior = _normalized([p * math.exp(log) for p, log in zip(prior, log_likelihood, strict=True)])
        self._recent = _mean(self._averages)
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
            self._elapsed = math.inf if self._face_at is None else (at - self._face_at) / self._config.memory
            self._now = at
            self._begin_instant()
        return True

    def _log_likelihood(self, reading: Reading, recent: Sequence[float]) -> list[float]:
        """Return what a reading adds to the logarithm of each expression's probability."""
        novelty = sum(abs(q - r) for q, r in zip(reading.probabilities, recent, strict=True)) / 2
        weight = reading.weight * min(1.0, self._elapsed * (1 + NOVELTY_GAIN * novelty))
        return [weight * math.log(likelihood + _FLOOR) for likelihood in reading.probabilities]

    def _average(self, reading: Reading, recent: Sequence[float]) -> list[float]:
        """Return the recent readings' average with this one in it, whatever its weight."""
        new = -math.expm1(-self._elapsed)
        return [r + new * (q - r) for q, r in zip(reading.probabilities, recent, strict=True)]

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


def _mean(rows: Sequence[Sequence[float]]) -> tuple[float, ...]:
    return tuple(math.fsum(column) / len(rows) for column in zip(*rows, strict=True))


def _normalized(values: list[float]) -> tuple[float, ...]:
    total = math.fsum(values)
    return tuple(value / total for value in values)
