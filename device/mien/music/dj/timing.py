"""The DJ's times in seconds, and the schedule of its polls."""

from __future__ import annotations

import math
from dataclasses import dataclass

POLL_INTERVAL = 30.0
"""Between two polls of the playback: 120 an hour. A skip or a change of volume is detected within that time."""

QUEUE_AHEAD = 20.0
"""The next song is chosen and queued so long before the end, so that it fits the mood at that time."""

SETTLE_TIME = 5.0
"""The playback that Spotify returns lags behind its commands by a second or two."""

START_TIMEOUT = 20.0
"""A song that was started must be playing within that time."""

QUEUE_TIMEOUT = 900.0
"""A queued song that has not come within that time is given up."""


@dataclass
class PollSchedule:
    """When to poll next, on the steady clock. Nothing is requested before takeover_until."""

    due_at: float = -math.inf
    polled_at: float = -math.inf
    takeover_until: float = -math.inf

    def poll_now(self) -> None:
        """Poll as soon as the last command has settled."""
        self.due_at = -math.inf

    def end_takeover(self) -> None:
        """End a takeover pause, and poll now."""
        self.takeover_until = self.due_at = -math.inf

    def next_poll(self, retry_at: float) -> float:
        """Return the time of the next poll, which is not before `retry_at`."""
        return max(self.due_at, self.polled_at + SETTLE_TIME, retry_at)
