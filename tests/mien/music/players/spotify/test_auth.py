"""Logins, tokens and their refresh, with real spotipy over real HTTP."""

from __future__ import annotations

import logging
import stat
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest

from mien.music.players.spotify.auth import SCOPES
from mien.music.players.spotify.client import CONSENT_DAYS, SpotifyClient
from mien.music.players.spotify.status import SpotifyError, SpotifyState
from mien.music.players.spotify.store import Token, TokenStore
from tests.fakes.spotify_client import error_of, open_client
from tests.fakes.spotify_server import SpotifyServer


def test_login_keeps_a_token_that_only_its_owner_can_read(
    spotify: SpotifyClient, store: TokenStore, tmp_path: Path
) -> None:
    """A login leaves one file of mode 0600 in a folder of 0700, and the client returns the user's name."""
    assert spotify.me().name == "Ada"
    assert set(SCOPES) <= set(spotify.scopes())
    assert spotify.consent_days_left() == CONSENT_DAYS
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    files = list((tmp_path / "state").iterdir())
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert "access" not in repr(store.token())


@pytest.mark.parametrize("change", [("state=", "state=x"), ("code=", "error="), ("?", "/")])
def test_another_logins_answer_is_refused(server: SpotifyServer, store: TokenStore, change: tuple[str, str]) -> None:
    """An address without this login's secret is rejected, whoever sends it; with it, a refusal is reported as one."""
    client = open_client(server, store)
    url = server.spotify.consent(client.begin_login()).replace(*change)
    if "error=" in url:
        assert error_of(lambda: client.complete_login(url)) == (SpotifyState.NOT_LOGGED_IN, True)
    else:
        assert not client.complete_login(url)
    assert store.token() is None


def test_each_login_has_its_own_secrets(server: SpotifyServer, store: TokenStore) -> None:
    """Neither state nor challenge is ever used twice, and the verifier is not in the address."""
    client = open_client(server, store)
    queries = [dict(parse_qsl(urlsplit(client.begin_login()).query)) for _ in range(2)]
    assert queries[0]["state"] != queries[1]["state"]
    assert queries[0]["code_challenge"] != queries[1]["code_challenge"]
    assert queries[0]["redirect_uri"] == "http://127.0.0.1:8898/callback"


def test_a_second_login_begins_a_new_consent(server: SpotifyServer, spotify: SpotifyClient, store: TokenStore) -> None:
    """Its day counts from then on; a login that fails leaves the earlier one as it is."""
    server.spotify.clock.now += 170 * 86400
    assert spotify.consent_days_left() == CONSENT_DAYS - 170
    before = store.token()
    server.spotify.fault = "500"
    url = server.spotify.consent(spotify.begin_login())
    assert error_of(lambda: spotify.complete_login(url))[0] == SpotifyState.OFFLINE
    assert store.token() == before
    server.spotify.fault = ""
    assert spotify.complete_login(server.spotify.consent(spotify.begin_login()))
    assert spotify.consent_days_left() == CONSENT_DAYS


@pytest.mark.parametrize("rotate", [False, True])
def test_a_token_is_refreshed_before_it_expires(
    server: SpotifyServer, spotify: SpotifyClient, store: TokenStore, rotate: bool
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


def test_a_401_refreshes_the_token_once(server: SpotifyServer, spotify: SpotifyClient) -> None:
    """A token that Spotify revokes is refreshed, and the request repeated, once at most."""
    server.spotify.access.clear()
    assert spotify.me().id == "ada"
    server.spotify.fault = "401"
    before = len(server.spotify.requests)
    assert error_of(spotify.me)[0] in (SpotifyState.OFFLINE, SpotifyState.NOT_LOGGED_IN)
    assert len(server.spotify.requests) - before <= 3


def test_a_revoked_refresh_token_is_deleted(server: SpotifyServer, spotify: SpotifyClient, store: TokenStore) -> None:
    """invalid_grant means that the consent ended: the file is deleted, and no more requests are made."""
    server.spotify.refresh.clear()
    server.spotify.clock.now += 4000
    assert error_of(spotify.me) == (SpotifyState.CONSENT_ENDED, True)
    assert store.token() is None
    before = len(server.spotify.requests)
    assert error_of(spotify.me) == (SpotifyState.CONSENT_ENDED, True)
    assert error_of(open_client(server, store).me) == (SpotifyState.CONSENT_ENDED, True)
    assert len(server.spotify.requests) == before


def test_two_programs_share_a_token_that_rotates(
    server: SpotifyServer, spotify: SpotifyClient, store: TokenStore
) -> None:
    """When one has renewed the token, the other takes the new one instead of burning the old one's successor."""
    server.spotify.rotate = True
    other = open_client(server, TokenStore(store._folder))
    server.spotify.clock.now += 4000
    assert spotify.me() == other.me()
    assert [request.path for request in server.spotify.requests].count("/api/token") == 2


def test_another_apps_token_and_a_smaller_consent_need_a_login(spotify: SpotifyClient, store: TokenStore) -> None:
    """A token is used only for the client id it was given to, and only with all rights that mien needs."""
    token = store.token()
    assert token is not None
    for change in ({"client_id": "f" * 32}, {"scope": "user-top-read"}):
        store.save_token(msgspec.structs.replace(token, **change))
        assert error_of(spotify.me) == (SpotifyState.NOT_LOGGED_IN, True)
    assert isinstance(token, Token)


def test_no_token_in_any_log(
    server: SpotifyServer, store: TokenStore, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """With every logger at its most talkative, through a login, refreshes and failures, no secret is written."""
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
    log = "\n".join(record.getMessage() for record in caplog.records) + str(capfd.readouterr())
    assert len(secrets) > 4
    assert not [secret for secret in secrets if secret in log]
