"""The states of the connection to Spotify, each with a sentence on what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from mien.errors import RemoteError


class SpotifyState(StrEnum):
    """Every reason why music may not play; the value is what `status`, logs and MQTT show."""

    READY = "ready"
    NOT_LOGGED_IN = "not logged in"
    CONSENT_ENDED = "consent ended"
    NO_PREMIUM = "no Premium"
    NOT_REGISTERED = "not registered"
    NO_DEVICE = "no device"
    RESTRICTED = "restricted"
    RATE_LIMITED = "rate limited"
    QUOTA_EXCEEDED = "quota exceeded"
    OFFLINE = "offline"
    NOTHING_TO_PLAY = "nothing to play"
    REFUSED = "refused"


NEEDS_PERSON = frozenset(
    {SpotifyState.NOT_LOGGED_IN, SpotifyState.CONSENT_ENDED, SpotifyState.NO_PREMIUM, SpotifyState.NOT_REGISTERED}
)
"""States that only a person can end."""

_SENTENCES: Mapping[SpotifyState, str] = {
    SpotifyState.READY: "Spotify is ready.",
    SpotifyState.NOT_LOGGED_IN: "mien is not logged in to Spotify: run 'mien spotify login'.",
    SpotifyState.CONSENT_ENDED: (
        "Your consent has ended, as Spotify ends it after six months: run 'mien spotify login'."
    ),
    SpotifyState.NO_PREMIUM: "Spotify lets other programs control playback only for Premium accounts: log in with one.",
    SpotifyState.NOT_REGISTERED: (
        "This Spotify user is not registered for your app: add it under User Management in the Spotify Developer "
        "Dashboard."
    ),
    SpotifyState.NO_DEVICE: (
        "No Spotify device to play on: open Spotify on one, or name one of 'mien spotify devices' as [spotify] device."
    ),
    SpotifyState.RESTRICTED: "The Spotify device takes no commands now: use another device, or end what it plays.",
    SpotifyState.RATE_LIMITED: "Spotify's rate limit is reached: mien waits before the next request.",
    SpotifyState.QUOTA_EXCEEDED: (
        "Your Spotify app has used up its quota: wait, or check it in the Developer Dashboard."
    ),
    SpotifyState.OFFLINE: "Spotify cannot be reached: check the network; mien tries again by itself.",
    SpotifyState.NOTHING_TO_PLAY: "No song fits that was not played lately: import more with 'mien music import FILE'.",
    SpotifyState.REFUSED: "Spotify refused a request as invalid.",
}


@dataclass(frozen=True, slots=True)
class Status:
    """A state, a sentence on what to do about it, and its end in seconds since 1970 where that is known."""

    state: SpotifyState
    sentence: str
    until: float | None = None

    @classmethod
    def of(cls, state: SpotifyState, detail: str = "", until: float | None = None) -> Status:
        """Return the status of a state: its own sentence, then the detail and the time at which it ends."""
        parts = [_SENTENCES[state]]
        if detail:
            parts.append(detail)
        if until is not None:
            parts.append(f"Until {datetime.fromtimestamp(until).astimezone():%Y-%m-%d %H:%M:%S %Z}.")
        return cls(state, " ".join(parts), until)


class SpotifyError(RemoteError):
    """A request that failed.

    not_executed: True where Spotify rejected the request or it was never sent; False where the response was lost, so
    that the request may have been executed.
    """

    def __init__(self, status: Status, *, not_executed: bool = True) -> None:
        super().__init__(status.sentence)
        self.status = status
        self.not_executed = not_executed
