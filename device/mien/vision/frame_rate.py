"""How often to look: as seldom as will do, and never beyond the profile's share of the processor."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from mien.config import Profile
from mien.events import Reading


@dataclass(frozen=True, slots=True)
class ProfileLimits:
    """share: of one core, 0 to 1. fastest, slowest: seconds between two frames."""

    share: float
    fastest: float
    slowest: float


PROFILE_LIMITS: dict[Profile, ProfileLimits] = {
    "eco": ProfileLimits(0.05, 1 / 4, 1.0),
    "balanced": ProfileLimits(0.15, 1 / 8, 1 / 2),
    "responsive": ProfileLimits(0.40, 1 / 15, 1 / 4),
}
"""A change of mood takes seconds to be sure of, so even eco's fastest rate is enough to see it."""

LIVELY = 0.25
"""Total variation distance (0 to 1) between two readings from which on the face counts as changing."""

_SLOW_DOWN = 1.15  # growth of the interval for each frame on which nothing happens
_FORGET = 0.1  # weight of the newest frame in the mean cost


class FrameRateController:
    """Fast from the moment that an expression changes or a face comes or goes; then slower frame by frame."""

    def __init__(self, cpu: Callable[[], float] = time.process_time) -> None:
        self._cpu = cpu
        self._spent = cpu()
        self._cost = 0.0
        self._interval = 0.0
        self._last: Reading | None = None

    def next(self, reading: Reading | None, profile: Profile) -> float:
        """Seconds from this frame to the next, given its reading."""
        limits = PROFILE_LIMITS[profile]
        cost = self._mean_cost()
        self._interval = 0.0 if self._lively(reading) else self._interval * _SLOW_DOWN
        self._interval = min(max(self._interval, limits.fastest), limits.slowest)
        return max(self._interval, cost / limits.share)

    def _lively(self, reading: Reading | None) -> bool:
        last, self._last = self._last, reading
        if reading is None or last is None:
            return reading is not last
        pairs = zip(reading.probabilities, last.probabilities, strict=True)
        return sum(abs(new - old) for new, old in pairs) / 2 > LIVELY

    def _mean_cost(self) -> float:
        """Mean processor time of a frame, in seconds, of all threads: decoding, finding and reading."""
        spent = self._cpu()
        self._cost += _FORGET * (spent - self._spent - self._cost) if self._cost else spent - self._spent
        self._spent = spent
        return self._cost


class FrameRateMeter:
    """Frames a second, averaged over the latest ten or so."""

    def __init__(self) -> None:
        self._last: float | None = None
        self._interval = 0.0

    def next(self, at: float) -> float:
        """Take a frame's time in; the rate, 0 until there are two frames."""
        if self._last is not None and at > self._last:
            passed = at - self._last
            self._interval += _FORGET * (passed - self._interval) if self._interval else passed
        self._last = at
        return 1 / self._interval if self._interval else 0.0
