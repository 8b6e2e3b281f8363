"""Authorization by PKCE: the login, the access token and its refresh, kept in the token store."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
from spotipy.cache_handler import CacheHandler
from spotipy.oauth2 import SpotifyOauthError, SpotifyPKCE

from mien.clock import Clock
from mien.config import SpotifyConfig
from mien.music.players.spotify.status import SpotifyError, SpotifyState, Status
from mien.music.players.spotify.store import Token, TokenStore
from mien.music.players.spotify.transport import SpotifySession

SCOPES = (
    "user-modify-playback-state",
    "user-read-playback-state",
    "user-read-currently-playing",
    "user-library-read",
    "user-top-read",
    "playlist-read-private",
)

_REFRESH_MARGIN = 60.0
"""A token that expires within so many seconds is refreshed first."""


class PkceAuth(SpotifyPKCE):  # type: ignore[misc] # spotipy has no types
    """spotipy's PKCE flow without its prompt on standard input, on our clock, and with our token store."""

    def __init__(
        self, config: SpotifyConfig, store: TokenStore, clock: Clock, session: SpotifySession, accounts_url: str
    ) -> None:
        self._tokens = _StoreCacheHandler(config.client_id, store, clock)
        super().__init__(
            client_id=config.client_id,
            redirect_uri=f"http://127.0.0.1:{config.redirect_port}/callback",
            scope=" ".join(SCOPES),
            requests_session=session,
            open_browser=False,
            cache_handler=self._tokens,
        )
        self.OAUTH_AUTHORIZE_URL = accounts_url + "authorize"
        self.OAUTH_TOKEN_URL = accounts_url + "api/token"
        self._store, self._clock = store, clock

    def begin_login(self) -> str:
        """Return the address at which the user consents, with new secrets for this login."""
        self.state = secrets.token_urlsafe(24)
        self.get_pkce_handshake_parameters()
        return str(self.get_authorize_url())

    def code_from(self, url: str) -> str | None:
        """Return the code in the address of a redirect; None if it does not carry this login's `state`.

        Raises SpotifyError where the user did not consent.
        """
        try:
            fields = parse_qs(urlsplit(url.strip()).query)
        except ValueError:
            return None
        if not secrets.compare_digest("".join(fields.get("state", [])).encode(), str(self.state).encode()):
            return None
        if "code" not in fields:
            reason = fields.get("error", ["no reason given"])[0][:80]
            raise SpotifyError(Status.of(SpotifyState.NOT_LOGGED_IN, f"Spotify did not log you in ({reason!r})."))
        return fields["code"][0]

    def get_access_token(self, code: str | None = None, *, check_cache: bool = True) -> str:
        """Return the access token, refreshed if need be; with a code, the first one of a login."""
        if code is not None:
            with self._tokens.new_consent():
                return str(super().get_access_token(code, check_cache=not check_cache))
        token = self._stored_token()
        if self._is_valid(token):
            return token.access_token
        with self._store.refresh_lock():
            token = self._stored_token()  # another process may have refreshed it while this one waited
            if self._is_valid(token):
                return token.access_token
            try:
                return str(self.refresh_access_token(token.refresh_token)["access_token"])
            except SpotifyOauthError as error:
                if error.error == "invalid_grant":
                    self._store.delete_token()
                raise

    def invalidate_access_token(self) -> None:
        """Have the access token refreshed before the next request, since Spotify no longer accepts it."""
        self._store.save_token(msgspec.structs.replace(self._stored_token(), expires_at=0.0))

    def _is_valid(self, token: Token) -> bool:
        return token.expires_at - self._clock.wall() > _REFRESH_MARGIN

    def _stored_token(self) -> Token:
        """Return the token. Raises SpotifyError where a login is needed first."""
        token = self._store.token()
        if token is None or token.client_id != self.client_id:
            status = self._store.status()
            ended = status is not None and status.state == SpotifyState.CONSENT_ENDED and token is None
            raise SpotifyError(Status.of(SpotifyState.CONSENT_ENDED if ended else SpotifyState.NOT_LOGGED_IN))
        if not set(SCOPES) <= set(token.scope.split()):
            raise SpotifyError(
                Status.of(SpotifyState.NOT_LOGGED_IN, "mien needs more rights than the last login gave.")
            )
        return token

    def _add_custom_values_to_token_info(self, token_info: dict[str, Any]) -> dict[str, Any]:
        return token_info | {"expires_at": self._clock.wall() + float(token_info["expires_in"])}


class _StoreCacheHandler(CacheHandler):  # type: ignore[misc] # spotipy has no types
    """Saves spotipy's tokens in the store, with defaults for the fields that a response may omit."""

    def __init__(self, client_id: str, store: TokenStore, clock: Clock) -> None:
        self._client_id, self._store, self._clock = client_id, store, clock
        self._consents_now = False

    @contextlib.contextmanager
    def new_consent(self) -> Iterator[None]:
        """Take the token that is saved meanwhile for that of a login, even where there is one of an earlier login."""
        self._consents_now = True
        try:
            yield
        finally:
            self._consents_now = False

    def get_cached_token(self) -> None:
        """Return nothing: PkceAuth reads tokens from the store itself."""

    def save_token_to_cache(self, token_info: dict[str, Any]) -> None:
        """Save a login's token with the day of its consent, or a refreshed one with what the old one had."""
        refreshed = None if self._consents_now else self._store.token()
        old = refreshed or Token(self._client_id, "", "", " ".join(SCOPES), 0.0, self._clock.wall())
        self._store.save_token(
            Token(
                client_id=self._client_id,
                access_token=str(token_info["access_token"]),
                refresh_token=str(token_info.get("refresh_token") or old.refresh_token),
                scope=str(token_info.get("scope") or old.scope),
                expires_at=float(token_info["expires_at"]),
                consented_at=old.consented_at,
            )
        )
