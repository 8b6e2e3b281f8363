"""Clients of the fake Spotify."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mien.clock import Clock
from mien.config import SpotifyConfig
from mien.music.catalog.records import Track
from mien.music.catalog.starter import starter
from mien.music.players.spotify.client import Endpoints, SpotifyClient
from mien.music.players.spotify.status import SpotifyError, SpotifyState
from mien.music.players.spotify.store import TokenStore
from tests.fakes.spotify_server import SpotifyServer

AIR, BLUE = "spotify:track:" + "A" * 22, "spotify:track:" + "B" * 22


def clock_of(server: SpotifyServer) -> Clock:
    """Return the server's own time."""
    return Clock(server.spotify.clock.steady, server.spotify.clock.wall)


def open_client(server: SpotifyServer, store: TokenStore, timeout: float = 5.0) -> SpotifyClient:
    """Return a client of the server."""
    return SpotifyClient(
        SpotifyConfig(client_id=server.spotify.client_id),
        store,
        clock_of(server),
        endpoints=Endpoints(server.url + "v1/", server.url),
        timeout=timeout,
    )


def error_of(call: Callable[[], object]) -> tuple[SpotifyState, bool]:
    """Return the state of the error that a call raises, and whether the request was surely not executed."""
    with pytest.raises(SpotifyError) as caught:
        call()
    return caught.value.status.state, caught.value.not_executed


def add_starter_songs(server: SpotifyServer) -> list[Track]:
    """Add every song of the starter list to the server."""
    tracks = starter()
    for n, track in enumerate(tracks):
        server.spotify.add_track(f"spotify:track:S{n:021d}", track.title, track.artist)
    return tracks
