"""The status of the player, and the delay before the next attempt after an error."""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Callable, Mapping

from mien.backoff import Backoff
from mien.clock import Clock
from mien.music.players.spotify.status import SpotifyState, Status

_FIRST_DELAY: Mapping[SpotifyState, float] = {SpotifyState.NO_DEVICE: 5.0, SpotifyState.OFFLINE: 15.0}
_DEFAULT_FIRST_DELAY, _LONGEST_DELAY = 60.0, 300.0  # seconds
_JITTER = 0.2

log = logging.getLogger("mien.music")


class RetryState:
    """Logs each change of status once. draw: a random number of 0 to 1 for the jitter."""

    def __init__(self, clock: Clock, draw: Callable[[], float] = random.random) -> None:
        self._clock, self._draw = clock, draw
        self._backoff = self._backoff_of(SpotifyState.READY)
        self.status = Status.of(SpotifyState.READY)
        self.retry_at = -math.inf

    def record_error(self, status: Status, now: float) -> float:
        """Return the seconds to wait: until the end of the status, else longer each time in the same state."""
        if status.state != self.status.state:
            log.warning("Music: %s", status.sentence)
            self._backoff = self._backoff_of(status.state)
        self.status = status
        delay = self._backoff.next_delay()
        if status.until is not None:
            delay = max(1.0, status.until - self._clock.wall())
        self.retry_at = now + delay
        return delay

    def record_success(self) -> None:
        """End an error state."""
        if self.status.state != SpotifyState.READY:
            log.warning("Music: Spotify is ready again.")
            self.status = Status.of(SpotifyState.READY)

    def _backoff_of(self, state: SpotifyState) -> Backoff:
        first = _FIRST_DELAY.get(state, _DEFAULT_FIRST_DELAY)
        return Backoff(first, _LONGEST_DELAY, jitter=_JITTER, draw=self._draw)
