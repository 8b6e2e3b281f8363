"""How mien stands with Spotify: named states, each with a sentence that says what to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from mien.errors import RemoteError


class SpotifyState(StrEnum):
    """All that can be between mien and music; the value is what `status`, logs and MQTT show."""

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


LASTING = frozenset(
    {SpotifyState.NOT_LOGGED_IN, SpotifyState.CONSENT_ENDED, SpotifyState.NO_PREMIUM, SpotifyState.NOT_REGISTERED}
)
"""States that only a person can end."""

_SENTENCES = {
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
    SpotifyState.RATE_LIMITED: "Spotify asks to wait before the next request.",
    SpotifyState.QUOTA_EXCEEDED: (
        "Your Spotify app has used up its quota: wait, or look at it in the Developer Dashboard."
    ),
    SpotifyState.OFFLINE: "Spotify cannot be reached: check the network; mien tries again by itself.",
    SpotifyState.NOTHING_TO_PLAY: "No song fits that was not played lately: import more with 'mien music import FILE'.",
    SpotifyState.REFUSED: "Spotify refused a request that it does not understand.",
}


@dataclass(frozen=True, slots=True)
class Status:
    """A state, what to do about it, and the wall-clock second until which it lasts for certain, if that is known."""

    state: SpotifyState
    sentence: str
    until: float | None = None

    @classmethod
    def of(cls, state: SpotifyState, detail: str = "", until: float | None = None) -> Status:
        """The state's own sentence, then details and the time that it ends."""
        parts = [_SENTENCES[state]]
        if detail:
            parts.append(detail)
        if until is not None:
            parts.append(f"Until {datetime.fromtimestamp(until).astimezone():%Y-%m-%d %H:%M:%S %Z}.")
        return cls(state, " ".join(parts), until)


class SpotifyError(RemoteError):
    """A request that did not get what it asked for.

    certain: True where Spotify said no, so that nothing happened there; False where the answer was lost and the
    request may have been carried out.
    """

    def __init__(self, problem: Status, *, certain: bool = True) -> None:
        super().__init__(problem.sentence)
        self.problem = problem
        self.certain = certain
