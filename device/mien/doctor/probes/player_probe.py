"""Two requests to Spotify: who is logged in, and which devices there are."""

from __future__ import annotations

from pathlib import Path

from mien.config import Config
from mien.doctor.facts import PlayerFacts
from mien.errors import RemoteError
from mien.music.players.spotify.client import SpotifyClient
from mien.music.players.spotify.status import NEEDS_PERSON, SpotifyError, SpotifyState
from mien.music.players.spotify.store import TokenStore

TIMEOUT = 4.0
"""Seconds for any one request."""


def probe_player(config: Config, state: Path) -> PlayerFacts:
    """Return what Spotify replies, or facts without any request where music is off. state: the state directory."""
    facts = PlayerFacts(enabled=config.music.enabled, wanted=config.spotify.device)
    if not facts.enabled:
        return facts
    client = SpotifyClient(config.spotify, TokenStore(state), timeout=TIMEOUT)
    try:
        facts.days_left = client.consent_days_left()
        client.me()
        facts.devices = [(device.name, device.id or "") for device in client.devices()]
        earlier = client.last_status()
        if earlier.state == SpotifyState.NO_PREMIUM:  # which reading does not show
            facts.state, facts.sentence, facts.needs_person = earlier.state, earlier.sentence, True
    except SpotifyError as error:
        facts.state, facts.sentence = error.status.state, error.status.sentence
        facts.needs_person = error.status.state in NEEDS_PERSON
    except RemoteError as error:  # a file of the login cannot be used
        facts.state, facts.sentence, facts.needs_person = "unusable", str(error), True
    return facts
