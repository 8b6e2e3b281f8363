"""Clients of the fake Spotify."""

from __future__ import annotations

from mien.clock import Clock
from mien.config import SpotifyConfig
from mien.music.catalog.catalog import Track, starter
from mien.music.players.spotify.client import Endpoints, SpotifyClient
from mien.music.players.spotify.store import TokenStore
from tests.fakes.spotify_server import Server

AIR, BLUE = "spotify:track:" + "A" * 22, "spotify:track:" + "B" * 22


def clock_of(server: Server) -> Clock:
    """Return the server's own time."""
    return Clock(server.spotify.clock.steady, server.spotify.clock.wall)


def open_client(server: Server, store: TokenStore, timeout: float = 5.0) -> SpotifyClient:
    """Return a client of the server."""
    return SpotifyClient(
        SpotifyConfig(client_id=server.spotify.client_id),
        store,
        clock_of(server),
        endpoints=Endpoints(server.url + "v1/", server.url),
        timeout=timeout,
    )


def add_starter_songs(server: Server) -> list[Track]:
    """Add every song of the starter list to the server."""
    tracks = starter()
    for n, track in enumerate(tracks):
        server.spotify.add_track(f"spotify:track:S{n:021d}", track.title, track.artist)
    return tracks
