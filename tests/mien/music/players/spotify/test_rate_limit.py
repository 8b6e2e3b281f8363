"""No request during a Retry-After, and never more than a fixed number."""

from __future__ import annotations

import contextlib
from functools import partial

import pytest

from mien.errors import RemoteError
from mien.music.players.spotify.client import SpotifyClient
from mien.music.players.spotify.rate_limit import PER_HALF_MINUTE, PER_HOUR
from mien.music.players.spotify.status import SpotifyError, SpotifyState
from mien.music.players.spotify.store import TokenStore
from tests.fakes.spotify_client import error_of, open_client
from tests.fakes.spotify_server import SpotifyServer


@pytest.mark.parametrize("header", ["3600", " 3600 ", "Mon, 01 Jan 2035 00:00:00 GMT", "99999999999", "-5", "soon", ""])
def test_no_request_during_a_retry_after(
    server: SpotifyServer, spotify: SpotifyClient, store: TokenStore, header: str
) -> None:
    """Until the time is over there is no request, not by this program, not by another, not after a restart."""
    server.spotify.fault = "429:" + header
    with pytest.raises(SpotifyError) as caught:
        spotify.me()
    server.spotify.fault = ""
    until = caught.value.status.until
    assert until is not None
    left = until - server.spotify.clock.wall()
    assert 1 <= left <= 86400
    before = len(server.spotify.requests)
    for _ in range(3):
        server.spotify.clock.now += left / 3 - 0.01
        for each in (spotify, open_client(server, store)):
            assert error_of(each.me) == (SpotifyState.RATE_LIMITED, True)
            assert error_of(partial(each.play, None, None)) == (SpotifyState.RATE_LIMITED, True)
    assert len(server.spotify.requests) == before
    server.spotify.clock.now += 1
    assert spotify.me().id == "ada"


def test_never_more_than_the_documented_requests(server: SpotifyServer, spotify: SpotifyClient) -> None:
    """However often mien would make a request: at most so many requests in any 30 s and in any hour."""
    server.spotify.per_window = 1000
    for _ in range(2500):
        server.spotify.clock.now += 1 if server.spotify.clock.now < 100 else 3
        with contextlib.suppress(SpotifyError):
            spotify.devices()
    times = [request.at for request in server.spotify.requests]
    for window, most in ((30, PER_HALF_MINUTE), (3600, PER_HOUR)):
        assert max(sum(t - window < other <= t for other in times) for t in times) <= most
    assert len(times) > PER_HOUR


def test_a_wait_holds_though_it_cannot_be_written(
    server: SpotifyServer, spotify: SpotifyClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk does not end a Retry-After."""

    def full(*_: object) -> None:
        raise RemoteError("No room.")

    monkeypatch.setattr(TokenStore, "save_status", full)
    server.spotify.fault = "429:3600"
    before = len(server.spotify.requests)
    for _ in range(3):
        with pytest.raises(RemoteError):
            spotify.devices()
    assert len(server.spotify.requests) == before + 1
