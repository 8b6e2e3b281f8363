"""Delays between attempts: doubling, capped, and jittered so that many clients do not retry in step."""

from __future__ import annotations

import random
from collections.abc import Callable


class Backoff:
    """Return the delay before each next attempt, in seconds: `first`, then twice the last one, at most `longest`.

    jitter: share of a delay, 0 to 1, by which it is shortened at random. draw: a random number of 0 to 1.
    """

    def __init__(
        self, first: float, longest: float, *, jitter: float = 0.0, draw: Callable[[], float] = random.random
    ) -> None:
        self._first, self._longest, self._jitter, self._draw = first, longest, jitter, draw
        self._attempts = 0

    def next_delay(self) -> float:
        """Return the seconds to wait, and count the attempt."""
        delay = min(self._longest, self._first * 2.0**self._attempts)
        self._attempts = min(self._attempts + 1, 64)  # 2.0**64 is beyond any cap, and no overflow
        return delay * (1 - self._jitter * self._draw())

    def reset(self) -> None:
        """Begin again with the first delay, after a success."""
        self._attempts = 0
