"""The `mien spotify` commands and `mien music sync`: logins, status and the library."""

from __future__ import annotations

import io
import json
import os
import queue
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from mien.commands import spotify as commands
from mien.commands.spotify_login import login
from mien.config_file import load
from mien.errors import RemoteError
from mien.music.catalog.catalog import Catalog
from mien.music.catalog.records import LibrarySong
from mien.music.players.spotify.client import SpotifyClient
from mien.music.players.spotify.status import SpotifyError, SpotifyState, Status
from tests.conftest import Outcome
from tests.eventually import eventually
from tests.fakes.spotify_server import SpotifyServer


def pipe() -> tuple[io.TextIOWrapper, int]:
    read, write = os.pipe()
    return io.TextIOWrapper(os.fdopen(read, "rb")), write


def in_thread(work: Callable[[], None]) -> tuple[threading.Thread, list[BaseException]]:
    errors: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # handed to the test
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, errors


@pytest.fixture
def login_address(monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """Wait for the next login, and return its address."""
    addresses = queue.Queue[str]()
    begin_login = SpotifyClient.begin_login

    def recorded(self: SpotifyClient) -> str:
        address = begin_login(self)
        addresses.put(address)
        return address

    monkeypatch.setattr(SpotifyClient, "begin_login", recorded)
    return lambda: addresses.get(timeout=5)


def test_login_over_ssh_by_pasting(
    spotify_config: Path, server: SpotifyServer, login_address: Callable[[], str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong paste is reported and another awaited; the right one, in pieces, logs in."""
    stdin, write = pipe()
    thread, errors = in_thread(lambda: login(load(spotify_config).spotify, 20, stdin))
    url = server.spotify.consent(login_address())
    os.write(write, b"http://127.0.0.1:1/callback?code=x&state=y\n" + url[:30].encode())
    assert eventually(lambda: "That is not the address" in capsys.readouterr().out)
    os.write(write, url[30:].encode() + b"\n")
    thread.join(10)
    os.close(write)
    stdin.close()
    assert errors == []
    assert (spotify_config.parent / "state" / "spotify-token.json").is_file()


def test_login_by_loopback_survives_strange_visitors(
    spotify_config: Path, server: SpotifyServer, login_address: Callable[[], str]
) -> None:
    """Visits with a wrong secret or path are turned away, a silent one is cut off, and the right one logs in."""
    config = load(spotify_config)
    stdin, write = pipe()
    thread, errors = in_thread(lambda: login(config.spotify, 30, stdin))
    url = server.spotify.consent(login_address())
    base = f"http://127.0.0.1:{config.spotify.redirect_port}"
    for path in ("/favicon.ico", "/callback?code=x&state=guess", "/?" + url.partition("?")[2]):
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(base + path, timeout=5)
    with urllib.request.urlopen(url, timeout=10) as response:
        assert b"logged in" in response.read()
    thread.join(10)
    os.close(write)
    stdin.close()
    assert errors == []


def test_login_ends_at_its_deadline_and_on_refusal(
    spotify_config: Path, server: SpotifyServer, login_address: Callable[[], str]
) -> None:
    """Nothing has to be stopped by hand, and a refusal is reported as one."""
    stdin, write = pipe()
    with pytest.raises(RemoteError, match="in time"):
        login(load(spotify_config).spotify, 0.1, stdin)
    login_address()
    stdin.close()
    os.close(write)
    stdin, write = pipe()
    thread, errors = in_thread(lambda: login(load(spotify_config).spotify, 20, stdin))
    os.write(write, server.spotify.consent(login_address()).replace("code=", "error=access_denied&x=").encode() + b"\n")
    thread.join(10)
    os.close(write)
    stdin.close()
    assert [type(error) for error in errors] == [SpotifyError]
    assert "access_denied" in str(errors[0])


def test_status_and_devices(logged_in: Path, server: SpotifyServer, mien: Callable[..., Outcome]) -> None:
    """Who, until when, where, in words and as JSON; and what is in the way, with code 6 where a person must act."""
    outcome = mien("spotify", "status", "--config", logged_in)
    assert outcome.code == 0
    assert "Ada" in outcome.out
    assert "Kitchen" in outcome.out
    assert "181 days" in outcome.out
    assert json.loads(mien("spotify", "devices", "--json", "--config", logged_in).out)["name"] == "Kitchen"
    server.spotify.registered = False
    outcome = mien("spotify", "status", "--json", "--config", logged_in)
    assert (outcome.code, json.loads(outcome.out)["state"]) == (6, "not registered")
    server.spotify.registered = True
    server.spotify.fault = "429:3600"
    outcome = mien("spotify", "devices", "--config", logged_in)
    assert (outcome.code, outcome.err.count("\n")) == (6, 1)
    outcome = mien("spotify", "status", "--config", logged_in)
    assert outcome.code == 0
    assert "rate limited" in outcome.out


@pytest.mark.parametrize("arguments", [["spotify", "status"], ["spotify", "devices"], ["play", "--mood", "happy"]])
def test_without_a_login_one_sentence_states_what_to_do(
    spotify_config: Path, mien: Callable[..., Outcome], arguments: list[str]
) -> None:
    """Exit code 6 and the command to run; without a client id, 3 and how to get one."""
    outcome = mien(*arguments, "--config", spotify_config)
    assert outcome.code == 6
    assert "mien spotify login" in outcome.out + outcome.err
    spotify_config.write_text("")
    outcome = mien(*arguments, "--config", spotify_config)
    assert outcome.code == 3
    assert "client_id" in outcome.err


def test_sync_brings_the_library(logged_in: Path, server: SpotifyServer, mien: Callable[..., Outcome]) -> None:
    """Saved and most heard songs once each, with ISRC; a fault in the middle leaves the old library whole."""
    uris = [server.spotify.add_track(f"spotify:track:{n:022d}", f"Song {n}", "Anon", isrc=f"I{n}") for n in range(120)]
    server.spotify.saved, server.spotify.top = uris[:110], uris[100:]
    outcome = mien("music", "sync", "--config", logged_in)
    assert outcome.code == 0, outcome
    assert outcome.out.startswith("120 songs of your own")
    server.spotify.saved = uris[:60]
    pages = iter(["", "403"])
    server.spotify.fault = lambda _method, path: next(pages, "403") if path.endswith("me/tracks") else ""
    assert mien("music", "sync", "--config", logged_in).code == 6
    with Catalog(logged_in.parent / "state" / "music.sqlite") as catalog:
        assert catalog.database.execute("SELECT count(*) FROM library").fetchone() == (120,)
        assert catalog.merge_library([LibrarySong("x", None, "a", "b")]).songs == 1


def test_sync_waits_out_short_errors() -> None:
    """A fault or a wait of seconds is waited out; one of an hour, or a refusal, ends it at once."""
    slept: list[float] = []
    responses: list[object] = [SpotifyError(Status.of(SpotifyState.OFFLINE), not_executed=False)] * 2 + [7]

    def request() -> object:
        response = responses.pop(0)
        if isinstance(response, SpotifyError):
            raise response
        return response

    assert commands.retry(request, slept.append) == 7
    assert slept == [1, 2]
    for status in (
        Status.of(SpotifyState.RATE_LIMITED, until=time.time() + 3600),
        Status.of(SpotifyState.NOT_REGISTERED),
    ):
        responses[:] = [SpotifyError(status)]
        with pytest.raises(SpotifyError):
            commands.retry(request, slept.append)
    assert len(slept) == 2
