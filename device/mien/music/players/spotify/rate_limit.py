"""Limits on the number of requests to Spotify: none during a Retry-After, and never more than a fixed number."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from email.utils import parsedate_to_datetime

from mien.clock import Clock
from mien.music.players.spotify.status import SpotifyError, SpotifyState, Status
from mien.music.players.spotify.store import StoredStatus, TokenStore

PER_HOUR = 240
"""Requests in any hour that the DJ may make, token refreshes included. An hour of songs takes about 155."""

PER_HALF_MINUTE = 20
"""Requests in any 30 s, the window over which Spotify itself counts; its own number is not published."""

_WINDOW, _HOUR, _DAY = 30.0, 3600.0, 86400.0
_DEFAULT_WAIT = 60.0
"""Seconds to wait after a 429 without a usable Retry-After."""


class RateLimiter:
    """Counts every request. A Retry-After outlives the process; the counts do not."""

    def __init__(self, store: TokenStore, clock: Clock, per_hour: int = PER_HOUR) -> None:
        self._store = store
        self._clock = clock
        self._wait: Status | None = None  # for when the store cannot be written
        self._windows = [_SlidingWindow(_WINDOW, PER_HALF_MINUTE), _SlidingWindow(_HOUR, per_hour)]

    def acquire(self) -> None:
        """Count one request. Raises SpotifyError where it must not be made now."""
        wait = self.current_wait()
        if wait is not None:
            raise SpotifyError(wait)
        now = self._clock.steady()
        seconds = max(window.seconds_until_free(now) for window in self._windows)
        if seconds > 0:
            detail = "mien keeps to its own limit."
            raise SpotifyError(Status.of(SpotifyState.RATE_LIMITED, detail, self._clock.wall() + seconds))
        for window in self._windows:
            window.requests.append(now)

    def current_wait(self) -> Status | None:
        """Return the wait that Spotify asked this process or another for, while it lasts."""
        stored = self._store.status()
        stored_wait = Status(stored.state, stored.sentence, stored.until) if stored is not None else None
        for status in (self._wait, stored_wait):
            # More than a day ahead means that the clock was set back since
            if status is not None and status.until is not None and 0 < status.until - self._clock.wall() <= _DAY:
                return status
        return None

    def record_retry_after(self, retry_after: str | None, *, quota: bool) -> Status:
        """Save and return the wait of a 429 response with this Retry-After header. Raises RemoteError."""
        until = self._clock.wall() + _parse_retry_after(retry_after, self._clock.wall)
        status = Status.of(SpotifyState.QUOTA_EXCEEDED if quota else SpotifyState.RATE_LIMITED, until=until)
        self._wait = status
        self._store.save_status(StoredStatus(status.state, self._clock.wall(), until, status.sentence))
        return status


def _parse_retry_after(retry_after: str | None, wall: Callable[[], float]) -> float:
    """Return the header as seconds, 1 to a day; it may be a number or a date (RFC 9110, 10.2.3)."""
    text = (retry_after or "").strip()
    try:
        seconds = float(text) if text.isdecimal() else parsedate_to_datetime(text).timestamp() - wall()
    except (ValueError, OverflowError):
        return _DEFAULT_WAIT
    return min(max(seconds, 1.0), _DAY)


class _SlidingWindow:
    """The times of the requests of the last `length` seconds, at most `limit` of them."""

    def __init__(self, length: float, limit: int) -> None:
        self.length = length
        self.requests: deque[float] = deque(maxlen=limit)

    def seconds_until_free(self, now: float) -> float:
        """Return the seconds until one more request is allowed; 0 if it is allowed now."""
        while self.requests and self.requests[0] <= now - self.length:
            self.requests.popleft()
        return self.requests[0] + self.length - now if len(self.requests) == self.requests.maxlen else 0.0
