"""The two clocks, injected together, so that a test runs six hours in a second."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clock:
    """steady: seconds that never jump, for spans of time. wall: seconds since 1970, for what outlives the process."""

    steady: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
