"""Every state and every failure of the client, with real spotipy over real HTTP."""

from __future__ import annotations

import time

import pytest

from mien.music.players.spotify.client import SpotifyClient
from mien.music.players.spotify.status import SpotifyState
from mien.music.players.spotify.store import TokenStore
from tests.conftest import ROOT
from tests.fakes.spotify_client import AIR, BLUE, error_of, open_client
from tests.fakes.spotify_server import SpotifyServer


@pytest.mark.parametrize(
    ("fault", "state", "not_executed"),
    [
        ("dead", SpotifyState.OFFLINE, False),
        ("lost", SpotifyState.OFFLINE, False),
        ("500", SpotifyState.OFFLINE, False),
        ("502", SpotifyState.OFFLINE, False),
        ("500after", SpotifyState.OFFLINE, False),
        ("html", SpotifyState.OFFLINE, False),
        ("redirect", SpotifyState.OFFLINE, False),
        ("cut", SpotifyState.OFFLINE, False),
        ("slow", SpotifyState.OFFLINE, False),
        ("drip", SpotifyState.OFFLINE, False),
        ("string", SpotifyState.OFFLINE, False),
        ("list", SpotifyState.OFFLINE, False),
        ("nul", SpotifyState.OFFLINE, False),
        ("429:3600", SpotifyState.RATE_LIMITED, True),
        ("quota", SpotifyState.QUOTA_EXCEEDED, True),
        ("403", SpotifyState.RESTRICTED, True),
    ],
)
@pytest.mark.parametrize("what", ["read", "play", "token"])
@pytest.mark.usefixtures("spotify")
def test_every_failure_is_a_state(
    server: SpotifyServer, store: TokenStore, fault: str, state: SpotifyState, not_executed: bool, what: str
) -> None:
    """What goes wrong on the way is named, and it is known whether the request may have been carried out."""
    if what == "token":
        server.spotify.clock.now += 4000
    if what == "token" and fault == "403":
        state, not_executed = SpotifyState.OFFLINE, False
    if what == "play" and fault in ("list", "nul"):
        return  # commands are answered by nothing, or by anything
    server.spotify.person_plays(BLUE, "speaker1")
    server.spotify.fault, server.spotify.hang = fault, 0.25
    short = open_client(server, store, timeout=0.3)
    began = time.monotonic()
    error = error_of(short.playback if what != "play" else lambda: short.play(AIR, "speaker1"))
    assert error == (state, not_executed)
    assert time.monotonic() - began < 3
    status = store.status()
    assert status is not None
    assert status.state == state


def test_states_of_the_account_and_the_device(server: SpotifyServer, spotify: SpotifyClient) -> None:
    """No Premium, not registered, no device and restricted are distinguished, also where the body is plain text."""

    def play() -> None:
        spotify.play(AIR, "speaker1")

    server.spotify.premium = False
    assert error_of(play) == (SpotifyState.NO_PREMIUM, True)
    assert spotify.playback() is None
    assert spotify.last_status().state == SpotifyState.NO_PREMIUM, "reading works without Premium, and proves nothing"
    server.spotify.premium, server.spotify.registered = True, False
    assert error_of(play) == (SpotifyState.NOT_REGISTERED, True)
    server.spotify.registered = True
    server.spotify.devices["speaker1"]["is_restricted"] = True
    assert error_of(play) == (SpotifyState.RESTRICTED, True)
    del server.spotify.devices["speaker1"]
    assert error_of(play) == (SpotifyState.NO_DEVICE, True)
    server.spotify.add_device("speaker1", "Kitchen")
    assert error_of(lambda: spotify.play("spotify:track:" + "Z" * 22, "speaker1")) == (SpotifyState.REFUSED, True)
    play()
    assert spotify.last_status().state == SpotifyState.READY


def test_only_client_and_auth_import_spotipy() -> None:
    """Two files to change when spotipy changes."""
    package = ROOT / "device" / "mien"
    importers = {path.name for path in package.rglob("*.py") if "import spotipy" in path.read_text()}
    importers |= {path.name for path in package.rglob("*.py") if "from spotipy" in path.read_text()}
    assert importers == {"auth.py", "client.py"}


def test_names_cannot_steer_a_terminal(server: SpotifyServer, spotify: SpotifyClient) -> None:
    """Devices, people and songs are named by strangers."""
    server.spotify.devices["speaker1"]["name"] = "Kit\x1b[2Jchen\n"
    assert [device.name for device in spotify.devices()] == ["Kit?[2Jchen?"]


def test_library_playlists_and_search_come_in_pages(server: SpotifyServer, spotify: SpotifyClient) -> None:
    """All pages are read; one invalid entry costs only itself."""
    uris = [server.spotify.add_track(f"spotify:track:{n:022d}", f"Song {n}", "Anon") for n in range(120)]
    server.spotify.saved, server.spotify.top, server.spotify.playlists["own"] = uris, uris[:3], uris[:60]
    server.spotify.tracks[uris[7]]["name"] = 7
    server.spotify.contract = None  # which would object to that, rightly
    pages = [spotify.saved_page(offset) for offset in (0, 50, 100, 150)]
    assert [None if page is None else (len(page.tracks), page.length, page.total) for page in pages] == [
        (49, 50, 120),
        (50, 50, 120),
        (20, 20, 120),
        None,
    ]
    for page, length in ((spotify.top_page(0, "short_term"), 3), (spotify.playlist_page("own", 50), 10)):
        assert page is not None
        assert len(page.tracks) == length
    assert [item.isrc for item in spotify.search("isrc:XX0000000001")] == ["XX0000000001"]
