"""How many requests Spotify gets from mien: never one while it asks to wait, and never more than a fixed number."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from email.utils import parsedate_to_datetime

from mien.clock import Clock
from mien.music.players.spotify.status import SpotifyError, SpotifyState, Status
from mien.music.players.spotify.store import StoredStatus, TokenStore

PER_HOUR = 240
"""Requests in any hour that the player may make, renewals of the token included. An hour of songs takes about 155."""

PER_HALF_MINUTE = 20
"""Requests in any 30 s, the window over which Spotify itself counts; its own number is not published."""

_WINDOW, _HOUR, _DAY = 30.0, 3600.0, 86400.0
_UNSAID = 60.0
"""Seconds to wait after a 429 that does not say how long."""


class RateLimiter:
    """The gate that every request passes. What Spotify asked for outlives the process; the counts do not."""

    def __init__(self, vault: TokenStore, clock: Clock, per_hour: int = PER_HOUR) -> None:
        self._vault = vault
        self._clock = clock
        self._wait: Status | None = None  # for when the vault cannot be written
        self._windows = [_SlidingWindow(_WINDOW, PER_HALF_MINUTE), _SlidingWindow(_HOUR, per_hour)]

    def spend(self) -> None:
        """Count one request; SpotifyError where it must not be made now."""
        waiting = self.waiting()
        if waiting is not None:
            raise SpotifyError(waiting)
        now = self._clock.steady()
        left = max(window.left(now) for window in self._windows)
        if left > 0:
            detail = "mien keeps to its own limit."
            raise SpotifyError(Status.of(SpotifyState.RATE_LIMITED, detail, self._clock.wall() + left))
        for window in self._windows:
            window.spent.append(now)

    def waiting(self) -> Status | None:
        """The wait that Spotify asked for, of this process or another, while it lasts."""
        standing = self._vault.standing()
        kept = Status(standing.state, standing.sentence, standing.until) if standing is not None else None
        for problem in (self._wait, kept):
            # More than a day ahead means that the clock was set back since
            if problem is not None and problem.until is not None and 0 < problem.until - self._clock.wall() <= _DAY:
                return problem
        return None

    def refused(self, retry_after: str | None, *, quota: bool) -> Status:
        """Note a 429 with its Retry-After header."""
        until = self._clock.wall() + _seconds(retry_after, self._clock.wall)
        problem = Status.of(SpotifyState.QUOTA_EXCEEDED if quota else SpotifyState.RATE_LIMITED, until=until)
        self._wait = problem
        self._vault.keep_standing(StoredStatus(problem.state, self._clock.wall(), until, problem.sentence))
        return problem


def _seconds(retry_after: str | None, wall: Callable[[], float]) -> float:
    """The header as seconds, 1 to a day; it may be a number or a date (RFC 9110, 10.2.3)."""
    text = (retry_after or "").strip()
    try:
        seconds = float(text) if text.isdecimal() else parsedate_to_datetime(text).timestamp() - wall()
    except (ValueError, OverflowError):
        return _UNSAID
    return min(max(seconds, 1.0), _DAY)


class _SlidingWindow:
    """The times of the requests of the last `length` seconds, of which there may be `most`."""

    def __init__(self, length: float, most: int) -> None:
        self.length = length
        self.spent: deque[float] = deque(maxlen=most)

    def left(self, now: float) -> float:
        """Seconds until there is room for one more; 0 if there is."""
        while self.spent and self.spent[0] <= now - self.length:
            self.spent.popleft()
        return self.spent[0] + self.length - now if len(self.spent) == self.spent.maxlen else 0.0
