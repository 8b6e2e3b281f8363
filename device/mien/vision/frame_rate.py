"""The frame rate: as low as will do, and never beyond the profile's share of the processor or the configured cap."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mien.config import Profile
from mien.events import Reading


@dataclass(frozen=True, slots=True)
class ProfileLimits:
    """What a profile allows. share: of one core, 0 to 1. fastest, slowest: seconds between two frames."""

    share: float
    fastest: float
    slowest: float


PROFILE_LIMITS: Mapping[Profile, ProfileLimits] = {
    "eco": ProfileLimits(0.05, 1 / 4, 1.0),
    "balanced": ProfileLimits(0.15, 1 / 8, 1 / 2),
    "responsive": ProfileLimits(0.40, 1 / 15, 1 / 4),
}
"""A change of mood takes seconds to be certain, so even eco's fastest rate is enough to detect it."""

CHANGE_THRESHOLD = 0.25
"""Total variation distance (0 to 1) between two readings from which on the expression counts as changing."""

_SLOW_DOWN = 1.15  # growth of the interval for each frame in which nothing changes
_SMOOTHING = 0.1  # weight of the newest frame in exponential moving averages


class FrameRateController:
    """Chooses each frame's interval: the fastest when an expression changes or a face comes or goes, then slower.

    The interval also grows with the processor time that a frame takes, so that the profile's share is kept.
    """

    def __init__(self, max_fps: float = math.inf, cpu_time: Callable[[], float] = time.process_time) -> None:
        """Begin with the fastest.

        max_fps: most frames a second, whatever the profile. cpu_time: returns the seconds of processor time that all
        threads of the process have used.
        """
        self._least_interval = 1 / max_fps
        self._cpu_time = cpu_time
        self._last_cpu_time = cpu_time()
        self._cost = 0.0
        self._interval = 0.0
        self._last_reading: Reading | None = None

    def next_interval(self, reading: Reading | None, profile: Profile) -> float:
        """Return the seconds from this frame to the next. reading: the frame's, None if no face is in view."""
        limits = PROFILE_LIMITS[profile]
        cost = self._mean_cost()
        self._interval = 0.0 if self._has_changed(reading) else self._interval * _SLOW_DOWN
        self._interval = min(max(self._interval, limits.fastest), limits.slowest)
        return max(self._interval, cost / limits.share, self._least_interval)

    def _has_changed(self, reading: Reading | None) -> bool:
        last, self._last_reading = self._last_reading, reading
        if reading is None or last is None:
            return reading is not last
        pairs = zip(reading.probabilities, last.probabilities, strict=True)
        return sum(abs(new - old) for new, old in pairs) / 2 > CHANGE_THRESHOLD

    def _mean_cost(self) -> float:
        """Return the mean processor time of a frame, seconds: of decoding, detection, inference and all else."""
        cpu_time = self._cpu_time()
        cost = cpu_time - self._last_cpu_time
        self._cost += _SMOOTHING * (cost - self._cost) if self._cost else cost
        self._last_cpu_time = cpu_time
        return self._cost


class FrameRateMeter:
    """Measures frames a second, averaged over the latest ten or so."""

    def __init__(self) -> None:
        self._last: float | None = None
        self._interval = 0.0

    def update(self, at: float) -> float:
        """Count a frame and return the rate, 0 until there are two frames. at: seconds, the frame's."""
        if self._last is not None and at > self._last:
            interval = at - self._last
            self._interval += _SMOOTHING * (interval - self._interval) if self._interval else interval
        self._last = at
        return 1 / self._interval if self._interval else 0.0
