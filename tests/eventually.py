"""Waiting in tests: by polling, never for a fixed time."""

from __future__ import annotations

import time
from collections.abc import Callable

_POLL = 0.01  # seconds


def eventually(condition: Callable[[], object], seconds: float = 10.0) -> bool:
    """Poll until a condition holds or the time is over; return whether it holds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(_POLL)
    return bool(condition())
