"""A running fake Spotify and clients of it."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mien.commands.spotify_client import open_client as open_configured_client
from mien.config_file import load
from mien.music.players.spotify import client as client_module
from mien.music.players.spotify.client import Endpoints, SpotifyClient
from mien.music.players.spotify.store import TokenStore
from tests.conftest import ROOT
from tests.fakes.spotify_client import AIR, BLUE, open_client
from tests.fakes.spotify_contract import ApiContract
from tests.fakes.spotify_server import FakeTime, SpotifyServer


@pytest.fixture(scope="session")
def contract() -> ApiContract | None:
    """The published description where it is there; without it the same tests run without its checks."""
    shared = Path(os.environ.get("MIEN_SHARED", ROOT.parent / "shared"))
    file = shared / "spotify" / "spotify-web-api.openapi.yml"
    return ApiContract(file) if file.is_file() else None


@pytest.fixture
def server(contract: ApiContract | None) -> Iterator[SpotifyServer]:
    """Two tracks, one device; at the end every request and response must have been as described."""
    with SpotifyServer(FakeTime(), contract) as running:
        running.spotify.add_track(AIR, "Air", "Bach", isrc="XX0000000001")
        running.spotify.add_track(BLUE, "Blue", "Ella")
        running.spotify.add_device("speaker1", "Kitchen")
        yield running
        assert running.spotify.violations == []


@pytest.fixture
def store(tmp_path: Path) -> TokenStore:
    """An empty token store."""
    return TokenStore(tmp_path / "state")


@pytest.fixture
def spotify(server: SpotifyServer, store: TokenStore) -> SpotifyClient:
    """A client that is logged in."""
    client = open_client(server, store)
    assert client.complete_login(server.spotify.consent(client.begin_login()))
    return client


@pytest.fixture
def spotify_config(server: SpotifyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration and a state folder for the commands, and the fake Spotify in place of the real one."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    monkeypatch.setattr(client_module, "ENDPOINTS", Endpoints(server.url + "v1/", server.url))
    server.spotify.clock.now = time.time() - server.spotify.clock.wall()  # commands run in real time
    path = tmp_path / "mien.toml"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    path.write_text(f'[spotify]\nclient_id = "{server.spotify.client_id}"\nredirect_port = {port}\n')
    return path


@pytest.fixture
def logged_in(spotify_config: Path, server: SpotifyServer) -> Path:
    """A configuration whose user is logged in."""
    client = open_configured_client(load(spotify_config).spotify)
    assert client.complete_login(server.spotify.consent(client.begin_login()))
    return spotify_config
