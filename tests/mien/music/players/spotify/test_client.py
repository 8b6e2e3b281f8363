"""Spotify behind its door: logins, tokens, limits and every state, with real spotipy over real HTTP."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import stat
import time
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest

from mien.errors import RemoteError
from mien.music.players.spotify.auth import SCOPES
from mien.music.players.spotify.client import CONSENT_DAYS, SpotifyClient
from mien.music.players.spotify.rate_limit import PER_HALF_MINUTE, PER_HOUR
from mien.music.players.spotify.status import SpotifyError, SpotifyState
from mien.music.players.spotify.store import Token, TokenStore
from tests.conftest import ROOT
from tests.fakes.spotify_client import AIR, BLUE, open_client
from tests.fakes.spotify_contract import Contract
from tests.fakes.spotify_server import Server


def state_of(call: object) -> tuple[SpotifyState, bool]:
    assert callable(call)
    with pytest.raises(SpotifyError) as caught:
        call()
    return caught.value.status.state, caught.value.not_executed


def test_login_keeps_a_token_that_only_its_owner_can_read(
    spotify: SpotifyClient, store: TokenStore, tmp_path: Path
) -> None:
    """A login leaves one file of mode 0600 in a folder of 0700, and says who is there."""
    assert spotify.me().name == "Ada"
    assert set(SCOPES) <= set(spotify.scopes())
    assert spotify.consent_days_left() == CONSENT_DAYS
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    files = list((tmp_path / "state").iterdir())
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert "access" not in repr(store.token())


@pytest.mark.parametrize("change", [("state=", "state=x"), ("code=", "error="), ("?", "/")])
def test_another_logins_answer_is_refused(server: Server, store: TokenStore, change: tuple[str, str]) -> None:
    """An address without this login's secret is not taken, whoever sends it; with it, a refusal is told as one."""
    client = open_client(server, store)
    url = server.spotify.consent(client.begin_login()).replace(*change)
    if "error=" in url:
        assert state_of(lambda: client.complete_login(url)) == (SpotifyState.NOT_LOGGED_IN, True)
    else:
        assert not client.complete_login(url)
    assert store.token() is None


def test_each_login_has_its_own_secrets(server: Server, store: TokenStore) -> None:
    """Neither state nor challenge is ever used twice, and the verifier is not in the address."""
    client = open_client(server, store)
    asked = [dict(parse_qsl(urlsplit(client.begin_login()).query)) for _ in range(2)]
    assert asked[0]["state"] != asked[1]["state"]
    assert asked[0]["code_challenge"] != asked[1]["code_challenge"]
    assert asked[0]["redirect_uri"] == "http://127.0.0.1:8898/callback"


@pytest.mark.parametrize("rotate", [False, True])
def test_a_token_is_renewed_before_it_ends(
    server: Server, spotify: SpotifyClient, store: TokenStore, rotate: bool
) -> None:
    """A new refresh token is kept, a missing one and a missing scope are filled in, and the day of consent stays."""
    server.spotify.rotate, server.spotify.omit_refresh, server.spotify.omit_scope = rotate, not rotate, True
    before = store.token()
    server.spotify.clock.now += 3590
    assert spotify.me().id == "ada"
    after = store.token()
    assert before is not None
    assert after is not None
    assert (before.refresh_token != after.refresh_token) is rotate
    assert before.access_token != after.access_token
    assert (after.scope, after.consented_at) == (before.scope, before.consented_at)


def test_a_401_renews_the_token_once(server: Server, spotify: SpotifyClient) -> None:
    """A token that Spotify takes back is renewed, and the request client again; more than once it is not tried."""
    server.spotify.access.clear()
    assert spotify.me().id == "ada"
    server.spotify.fault = "401"
    before = len(server.spotify.seen)
    assert state_of(spotify.me)[0] in (SpotifyState.OFFLINE, SpotifyState.NOT_LOGGED_IN)
    assert len(server.spotify.seen) - before <= 3


def test_a_dead_refresh_token_is_forgotten(server: Server, spotify: SpotifyClient, store: TokenStore) -> None:
    """invalid_grant means that the consent ended: the file goes, and nothing more is asked of Spotify."""
    server.spotify.refresh.clear()
    server.spotify.clock.now += 4000
    assert state_of(spotify.me) == (SpotifyState.CONSENT_ENDED, True)
    assert store.token() is None
    before = len(server.spotify.seen)
    assert state_of(spotify.me) == (SpotifyState.CONSENT_ENDED, True)
    assert state_of(open_client(server, store).me) == (SpotifyState.CONSENT_ENDED, True)
    assert len(server.spotify.seen) == before


def test_two_programs_share_a_token_that_rotates(server: Server, spotify: SpotifyClient, store: TokenStore) -> None:
    """When one has renewed the token, the other takes the new one instead of burning the old one's successor."""
    server.spotify.rotate = True
    other = open_client(server, TokenStore(store._folder))
    server.spotify.clock.now += 4000
    assert spotify.me() == other.me()
    assert [seen.path for seen in server.spotify.seen].count("/api/token") == 2


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"client_id": 1}', "\xff\x00", "[" * 100_000])
def test_a_damaged_token_file_means_not_logged_in(server: Server, tmp_path: Path, text: str) -> None:
    """Whatever the file holds, the answer is to log in again."""
    (tmp_path / "spotify-token.json").write_text(text, encoding="latin-1")
    assert state_of(open_client(server, TokenStore(tmp_path)).me) == (SpotifyState.NOT_LOGGED_IN, True)


def test_another_apps_token_and_a_smaller_consent_need_a_login(spotify: SpotifyClient, store: TokenStore) -> None:
    """A token is used only for the client id it was given to, and only with all rights that mien needs."""
    token = store.token()
    assert token is not None
    for change in ({"client_id": "f" * 32}, {"scope": "user-top-read"}):
        store.save_token(msgspec.structs.replace(token, **change))
        assert state_of(spotify.me) == (SpotifyState.NOT_LOGGED_IN, True)
    assert isinstance(token, Token)


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
    server: Server, store: TokenStore, fault: str, state: SpotifyState, not_executed: bool, what: str
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
    found = state_of(short.playback if what != "play" else lambda: short.play(AIR, "speaker1"))
    assert found == (state, not_executed)
    assert time.monotonic() - began < 3
    status = store.status()
    assert status is not None
    assert status.state == state


def test_states_of_the_account_and_the_device(server: Server, spotify: SpotifyClient) -> None:
    """No Premium, not registered, no device and restricted are told apart, also where the body is plain text."""

    def play() -> None:
        spotify.play(AIR, "speaker1")

    server.spotify.premium = False
    assert state_of(play) == (SpotifyState.NO_PREMIUM, True)
    assert spotify.playback() is None
    assert spotify.last_status().state == SpotifyState.NO_PREMIUM, "reading works without Premium, and proves nothing"
    server.spotify.premium, server.spotify.registered = True, False
    assert state_of(play) == (SpotifyState.NOT_REGISTERED, True)
    server.spotify.registered = True
    server.spotify.devices["speaker1"]["is_restricted"] = True
    assert state_of(play) == (SpotifyState.RESTRICTED, True)
    del server.spotify.devices["speaker1"]
    assert state_of(play) == (SpotifyState.NO_DEVICE, True)
    server.spotify.add_device("speaker1", "Kitchen")
    assert state_of(lambda: spotify.play("spotify:track:" + "Z" * 22, "speaker1")) == (SpotifyState.REFUSED, True)
    play()
    assert spotify.last_status().state == SpotifyState.READY


@pytest.mark.parametrize("header", ["3600", " 3600 ", "Mon, 01 Jan 2035 00:00:00 GMT", "99999999999", "-5", "soon", ""])
def test_no_request_during_a_retry_after(
    server: Server, spotify: SpotifyClient, store: TokenStore, header: str
) -> None:
    """Until the time is over nothing is asked, not by this program, not by another, not after a restart."""
    server.spotify.fault = "429:" + header
    with pytest.raises(SpotifyError) as caught:
        spotify.me()
    server.spotify.fault = ""
    until = caught.value.status.until
    assert until is not None
    left = until - server.spotify.clock.wall()
    assert 1 <= left <= 86400
    before = len(server.spotify.seen)
    for _ in range(3):
        server.spotify.clock.now += left / 3 - 0.01
        for each in (spotify, open_client(server, store)):
            assert state_of(each.me) == (SpotifyState.RATE_LIMITED, True)
            assert state_of(lambda each=each: each.play(None, None)) == (SpotifyState.RATE_LIMITED, True)
    assert len(server.spotify.seen) == before
    server.spotify.clock.now += 1
    assert spotify.me().id == "ada"


def test_never_more_than_the_documented_requests(server: Server, spotify: SpotifyClient) -> None:
    """However often mien is asked to ask: at most so many requests in any 30 s and in any hour."""
    server.spotify.per_window = 1000
    for _ in range(2500):
        server.spotify.clock.now += 1 if server.spotify.clock.now < 100 else 3
        with contextlib.suppress(SpotifyError):
            spotify.devices()
    times = [seen.at for seen in server.spotify.seen]
    for window, most in ((30, PER_HALF_MINUTE), (3600, PER_HOUR)):
        assert max(sum(t - window < other <= t for other in times) for t in times) <= most
    assert len(times) > PER_HOUR


def test_no_token_in_any_log(
    server: Server, store: TokenStore, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """With every logger at its most talkative, through a login, renewals and failures, no secret is written."""
    for name in ("", "spotipy", "spotipy.client", "spotipy.oauth2", "urllib3", "requests", "mien"):
        caplog.set_level(1, logger=name)
    client = open_client(server, store)
    url = server.spotify.consent(client.begin_login())
    secrets = [dict(parse_qsl(urlsplit(url).query))["code"]]
    assert client.complete_login(url)
    for fault in ("", "401", "500", "string", "html"):
        server.spotify.fault = fault
        for _ in range(2):
            server.spotify.clock.now += 4000
            try:
                client.me()
            except SpotifyError as error:
                logging.getLogger("mien").warning("%s %r", error, error)
    secrets += [*server.spotify.access, *server.spotify.refresh]
    said = "\n".join(record.getMessage() for record in caplog.records) + str(capfd.readouterr())
    assert len(secrets) > 4
    assert not [secret for secret in secrets if secret in said]


def test_a_password_in_netrc_does_not_replace_the_token(
    spotify: SpotifyClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """requests would send it in the token's place."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login x password y\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert spotify.me().id == "ada"


@pytest.mark.usefixtures("shared")
def test_the_description_judges(contract: Contract | None) -> None:
    """What is removed, unknown, missing or of the wrong type is seen, in requests and in answers."""
    assert contract is not None
    request, answer = contract.faults_of_request, contract.faults_of_answer
    assert request("GET", "/me/player", {}, None) == []
    assert request("PUT", "/me/player/play", {"device_id": "x"}, {"uris": ["spotify:track:x"]}) == []
    for bad in (
        request("GET", "/recommendations", {"limit": "5"}, None),
        request("GET", "/me/player", {"colour": "red"}, None),
        request("POST", "/me/player/queue", {}, None),
        request("PUT", "/me/player/play", {}, {"uris": "spotify:track:x"}),
        request("PUT", "/me/player/play", {}, {"songs": []}),
        request("GET", "/nothing", {}, None),
        answer("GET", "/me/player/devices", 200, {"devices": [{"volume_percent": "loud"}]}),
        answer("GET", "/me/player", 200, {"is_playing": "yes"}),
        answer("GET", "/me", 204, None),
    ):
        assert bad


def test_only_the_door_imports_spotipy() -> None:
    """One file to change when spotipy changes."""
    package = ROOT / "device" / "mien"
    importers = {path.name for path in package.rglob("*.py") if "import spotipy" in path.read_text()}
    importers |= {path.name for path in package.rglob("*.py") if "from spotipy" in path.read_text()}
    assert importers == {"auth.py", "client.py"}


def test_a_wait_holds_though_it_cannot_be_written(
    server: Server, spotify: SpotifyClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk is no excuse to ask during a Retry-After."""

    def full(*_: object) -> None:
        raise RemoteError("No room.")

    monkeypatch.setattr(TokenStore, "save_status", full)
    server.spotify.fault = "429:3600"
    before = len(server.spotify.seen)
    for _ in range(3):
        with pytest.raises(RemoteError):
            spotify.devices()
    assert len(server.spotify.seen) == before + 1


def test_names_cannot_steer_a_terminal(server: Server, spotify: SpotifyClient) -> None:
    """Devices, people and songs are named by strangers."""
    server.spotify.devices["speaker1"]["name"] = "Kit\x1b[2Jchen\n"
    assert [device.name for device in spotify.devices()] == ["Kit?[2Jchen?"]


def test_library_playlists_and_search_come_in_pages(server: Server, spotify: SpotifyClient) -> None:
    """All pages are read; one entry that makes no sense costs only itself."""
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


def test_the_vault_survives_a_full_disk(store: TokenStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A token that cannot be written leaves the old one whole, and no litter."""
    token = Token("c" * 32, "a", "r", "s", 1.0, 2.0)
    store.save_token(token)

    def full(_file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Exception, match="No space left"):
        store.save_token(msgspec.structs.replace(token, access_token="new"))
    assert store.token() == token
    assert [json.loads(file.read_text())["access_token"] for file in (tmp_path / "state").iterdir()] == ["a"]
