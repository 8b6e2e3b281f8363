"""The mood that the music follows: one that has held, and not a new one every minute. Pure: the time is given."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mien.events import Mood
from mien.expression import Expression


@dataclass(frozen=True, slots=True)
class TargetMood:
    """The mood that songs are chosen for. number: counts the changes, to compare a song's target with the latest."""

    expression: Expression
    probabilities: tuple[float, ...]
    number: int


class MoodDebouncer:
    """Holds back a mood until it has lasted for `dwell`, and the next one until `cooldown` has passed (seconds)."""

    def __init__(self, dwell: float, cooldown: float) -> None:
        self._dwell, self._cooldown = dwell, cooldown
        self._latest: Mood | None = None
        self._since = 0.0
        self._changed = -math.inf
        self.target: TargetMood | None = None
        self.absent = False

    @property
    def situation(self) -> tuple[int, bool]:
        """Return the number of the target, 0 for none, and whether there is no face: different after a change."""
        return (self.target.number if self.target else 0), self.absent

    def update(self, mood: Mood, now: float) -> None:
        """Take a mood at the moment it comes."""
        if self._latest is None or mood.expression != self._latest.expression:
            self._since = now
        self._latest = mood
        self.advance(now)

    def advance(self, now: float) -> float:
        """Let time pass; return the seconds until the target may change by itself, infinite if it will not."""
        latest = self._latest
        if latest is None:
            return math.inf
        if latest.expression is None:
            self.absent = True
            return math.inf
        left = max(self._since + self._dwell, self._changed + self._cooldown) - now
        if self.target is not None and latest.expression == self.target.expression:
            self.absent = False
            self.target = TargetMood(latest.expression, latest.probabilities, self.target.number)
            return math.inf
        if left > 0:
            return left
        self.absent, self._changed = False, now
        self.target = TargetMood(latest.expression, latest.probabilities, self.target.number + 1 if self.target else 1)
        return math.inf
