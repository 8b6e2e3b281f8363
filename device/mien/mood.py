"""From a stream of readings to a mood that holds still. Pure: it knows no clock but the readings' own.

A recursive Bayesian filter over the seven expressions, a hidden Markov model in continuous time (Rabiner 1989 for the
discrete one). Between two readings a mood keeps with the probability exp(-t / hold) and else jumps to a usual one; a
reading then multiplies each expression's probability by how likely it makes such a reading. Readings close in time
share their faults (a blink, a word, a turned head), so that a reading counts in proportion to the time since the
last, and as one whole piece of evidence only after `memory` seconds: twice the frame rate is no twice the proof. The
less a reading resembles those of the last `memory` seconds, the less it can share with them, and the more it counts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mien.config import MoodConfig
from mien.events import Mood, Reading, most_probable
from mien.expression import Expression

HYSTERESIS = 0.2
"""By how much another expression must lead the present one, so that two equals do not take turns."""

PRIOR_SHARE = 0.65
"""How much of the expressions' frequency is taken out of the network's probabilities: by Bayes' rule it would be all of
it (1), since the filter has a prior of its own; what rare expressions lose in certainty speaks for less."""

NEWS = 2.0
"""How much more a reading counts that is wholly unlike the recent ones. From 1 to 4 the simulator's false changes are
about half of those without, at the same delay; so they are at 3 and 15 frames a second, and with trembling readings."""

_PRIOR_COUNT = 20.0  # faces the counts are smoothed with, so that what was never named is not impossible
_FLOOR = 0.001  # no reading rules an expression out
_COUNT = len(Expression)


class MoodTracker:
    """Readings in, changes of mood out.

    Frame rates may vary and frames may lack: only time counts. A reading from before the last is ignored; readings of
    one instant count as their mean, in whatever order they come. threshold: may be set at any time, 0 to 1.
    """

    def __init__(self, config: MoodConfig, confusion: Sequence[Sequence[int]] | None = None) -> None:
        """confusion: validation faces by [true][named], of the network; without it all count as equally frequent."""
        self.threshold = config.threshold
        self._config = config
        self._usual = frequencies(confusion or [[0] * _COUNT])
        self._rarity = rarity(self._usual)
        self.reset()

    def reset(self) -> None:
        """Forget everything, as after a camera was off: the next mood is told even if it is the same."""
        self._now = -math.inf
        self._seen: float | None = None  # when a face was seen last, or watching began
        self._passed = math.inf  # since then, in units of `memory`
        self._told: _Choice | None = None
        self._know_nothing()

    def _know_nothing(self) -> None:
        self._belief = self._usual
        self._choice = _Choice()
        self._recent = self._usual  # mean of the readings, of which those `memory` seconds ago count a third
        self._begin_instant()

    def _begin_instant(self) -> None:
        self._before = self._belief, self._choice, self._recent  # as they were before this instant's readings
        self._logs: list[list[float]] = []  # evidence of each of this instant's readings
        self._blends: list[list[float]] = []  # and the recent readings' mean with it

    @property
    def probabilities(self) -> tuple[float, ...]:
        """What is believed now, one for each Expression, summing to 1."""
        return self._belief

    def update(self, reading: Reading) -> Mood | None:
        """Take a reading in; the new mood if it changes it."""
        if not self._move_to(reading.at):
            return None
        self._seen = reading.at
        before, choice, recent = self._before
        self._logs.append(self._evidence(reading, recent))
        self._blends.append(self._blend(reading, recent))
        self._belief = _normalized([p * math.exp(log) for p, log in zip(before, _mean(self._logs), strict=True)])
        self._recent = _mean(self._blends)
        self._choice = self._settle(choice)
        mood = self._choice.mood
        if mood is None or (self._told is not None and mood == self._told.mood):
            return None
        self._told = self._choice
        return Mood(mood, self._belief[mood], self._belief, self._now)

    def nobody(self, at: float) -> Mood | None:
        """Take in that no face is seen; a mood without expression once that has lasted for `absent_after`."""
        if not self._move_to(at):
            return None
        if self._seen is None:
            self._seen = at
        if at - self._seen < self._config.absent_after or self._told == _Choice():
            return None
        self._know_nothing()
        self._told = _Choice()
        return Mood(None, 0.0, (), at)

    def _move_to(self, at: float) -> bool:
        """Let time pass: belief fades towards what is usual. False for a time that lies before now, or is none."""
        if not math.isfinite(at) or at < self._now:
            return False
        if at > self._now:
            keep = math.exp((self._now - at) / self._config.hold)
            self._belief = tuple(keep * p + (1 - keep) * u for p, u in zip(self._belief, self._usual, strict=True))
            self._passed = math.inf if self._seen is None else (at - self._seen) / self._config.memory
            self._now = at
            self._begin_instant()
        return True

    def _evidence(self, reading: Reading, recent: Sequence[float]) -> list[float]:
        """What a reading adds to the logarithm of each expression's probability."""
        unlike = sum(abs(q - r) for q, r in zip(reading.probabilities, recent, strict=True)) / 2
        counts = reading.weight * min(1.0, self._passed * (1 + NEWS * unlike))
        return [counts * math.log(q * r + _FLOOR) for q, r in zip(reading.probabilities, self._rarity, strict=True)]

    def _blend(self, reading: Reading, recent: Sequence[float]) -> list[float]:
        """The recent readings' mean with this one in it, however little it may weigh."""
        new = -math.expm1(-self._passed)
        return [r + new * (q - r) for q, r in zip(reading.probabilities, recent, strict=True)]

    def _settle(self, choice: _Choice) -> _Choice:
        """The choice after this instant: a rival that has led for long enough becomes the mood."""
        leader = most_probable(self._belief)
        lead = self._belief[leader] - (self._belief[choice.mood] if choice.mood is not None else 0.0)
        if leader == choice.mood or self._belief[leader] < self.threshold or lead < HYSTERESIS:
            return _Choice(choice.mood)
        since = choice.since if choice.rival == leader else self._now
        if self._now - since < self._config.dwell or since == self._now:  # one instant alone decides nothing
            return _Choice(choice.mood, leader, since)
        return _Choice(leader)


@dataclass(frozen=True, slots=True)
class _Choice:
    """The present mood, and the expression that would take its place, since when."""

    mood: Expression | None = None
    rival: Expression | None = None
    since: float = 0.0


def frequencies(confusion: Sequence[Sequence[int]]) -> tuple[float, ...]:
    """How often the network names each expression, shares that sum to 1, from counts by [true][named]; smoothed."""
    return _normalized([math.fsum(column) + _PRIOR_COUNT for column in zip(*confusion, strict=True)])


def rarity(shares: Sequence[float]) -> list[float]:
    """What turns the network's probability of each expression into how likely that expression makes such a reading.

    Proportional to 1 / share ** PRIOR_SHARE.
    """
    named = [share**PRIOR_SHARE for share in shares]
    return [math.fsum(named) / _COUNT / value for value in named]


def _mean(rows: Sequence[Sequence[float]]) -> tuple[float, ...]:
    return tuple(math.fsum(column) / len(rows) for column in zip(*rows, strict=True))


def _normalized(values: list[float]) -> tuple[float, ...]:
    total = math.fsum(values)
    return tuple(value / total for value in values)
