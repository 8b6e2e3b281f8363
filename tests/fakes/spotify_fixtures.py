"""A running Spotify and a door to it, for the tests that import these fixtures."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from mien.clock import Clock
from mien.config import SpotifyConfig
from mien.music.players.spotify.client import Endpoints, SpotifyClient
from mien.music.players.spotify.store import TokenStore
from tests.fakes.spotify_contract import Contract
from tests.fakes.spotify_server import FakeTime, Server

AIR, BLUE = "spotify:track:" + "A" * 22, "spotify:track:" + "B" * 22


@pytest.fixture(scope="session")
def contract() -> Contract | None:
    """The published description where it is there; without it the same tests run unjudged."""
    shared = Path(os.environ.get("MIEN_SHARED", Path(__file__).parents[3] / "shared"))
    file = shared / "spotify" / "spotify-web-api.openapi.yml"
    return Contract(file) if file.is_file() else None


@pytest.fixture
def server(contract: Contract | None) -> Iterator[Server]:
    """Two tracks, one device; at the end every request and answer must have been as described."""
    with Server(FakeTime(), contract) as running:
        running.spotify.add_track(AIR, "Air", "Bach", isrc="XX0000000001")
        running.spotify.add_track(BLUE, "Blue", "Ella")
        running.spotify.add_device("speaker1", "Kitchen")
        yield running
        assert running.spotify.violations == []


@pytest.fixture
def vault(tmp_path: Path) -> TokenStore:
    """An empty one."""
    return TokenStore(tmp_path / "state")


def clock_of(server: Server) -> Clock:
    """The server's own time."""
    return Clock(server.spotify.clock.steady, server.spotify.clock.wall)


def door(server: Server, vault: TokenStore, deadline: float = 5.0) -> SpotifyClient:
    """A door to the server."""
    return SpotifyClient(
        SpotifyConfig(client_id=server.spotify.client_id),
        vault,
        clock_of(server),
        endpoints=Endpoints(server.url + "v1/", server.url),
        deadline=deadline,
    )


@pytest.fixture
def spotify(server: Server, vault: TokenStore) -> SpotifyClient:
    """A door, logged in."""
    made = door(server, vault)
    assert made.redirected(server.spotify.consent(made.authorize_url()))
    return made
