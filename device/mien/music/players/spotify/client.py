"""The client of Spotify's Web API: every request, and every failure as a SpotifyError."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import requests
import spotipy
from spotipy.oauth2 import SpotifyOauthError

from mien.clock import Clock
from mien.config import SpotifyConfig
from mien.music.players.base import Playback, PlayerDevice, PlayerTrack
from mien.music.players.spotify.auth import PkceAuth
from mien.music.players.spotify.models import (
    Page,
    parse_devices,
    parse_playback,
    parse_saved_tracks,
    parse_tracks,
)
from mien.music.players.spotify.rate_limit import PER_HOUR, RateLimiter
from mien.music.players.spotify.status import SpotifyError, SpotifyState, Status
from mien.music.players.spotify.store import StoredStatus, TokenStore
from mien.music.players.spotify.transport import SpotifySession
from mien.text import printable

CONSENT_DAYS = 182
"""Spotify's refresh tokens expire six months after consent, however often they are used."""

TIMEOUT = 10.0
"""Seconds for any one request."""

SEARCH_PAGE_SIZE, PAGE_SIZE = 10, 50
"""Most entries a page: of a search since 2026, and of everything else."""

_CLEARED_BY_READING = frozenset(SpotifyState) - {
    SpotifyState.NO_PREMIUM,
    SpotifyState.NO_DEVICE,
    SpotifyState.RESTRICTED,
}
"""States that any response ends. Reading works without Premium and without a device: only a command ends those."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The base addresses of Spotify's two services."""

    api: str = "https://api.spotify.com/v1/"
    accounts: str = "https://accounts.spotify.com/"


ENDPOINTS = Endpoints()


@dataclass(frozen=True, slots=True)
class User:
    """The user who is logged in."""

    id: str
    name: str


class SpotifyClient:
    """A Player on Spotify Connect, and the user's library. Every request may raise SpotifyError."""

    def __init__(
        self,
        config: SpotifyConfig,
        store: TokenStore,
        clock: Clock | None = None,
        *,
        endpoints: Endpoints | None = None,
        timeout: float = TIMEOUT,
        per_hour: int = PER_HOUR,
    ) -> None:
        endpoints, self._clock, self._store = endpoints or ENDPOINTS, clock or Clock(), store
        # spotipy logs tokens at debug level, and logs as errors what is returned here as a state
        for name in ("spotipy.client", "spotipy.oauth2", "spotipy.cache_handler"):
            logging.getLogger(name).disabled = True
        self._limiter = RateLimiter(store, self._clock, per_hour)
        session = SpotifySession(self._limiter, timeout)
        self._auth = PkceAuth(config, store, self._clock, session, endpoints.accounts)
        self._api = spotipy.Spotify(auth_manager=self._auth, requests_session=session)
        self._api.prefix = endpoints.api

    # Login

    def begin_login(self) -> str:
        """Return the address at which the user consents; the redirect must carry this login's secret `state`."""
        return self._auth.begin_login()

    def complete_login(self, url: str) -> bool:
        """Take the address to which Spotify redirected the browser; return False if it is not this login's."""
        code = self._auth.code_from(url)
        if code is None:
            return False
        self._call(self._auth.get_access_token, code)
        return True

    def scopes(self) -> list[str]:
        """Return the rights that the login gave."""
        token = self._store.token()
        return sorted(token.scope.split()) if token else []

    def consent_days_left(self) -> int | None:
        """Return the whole days until the consent ends; None without a login."""
        token = self._store.token()
        return None if token is None else int(CONSENT_DAYS - (self._clock.wall() - token.consented_at) / 86400)

    def last_status(self) -> StoredStatus:
        """Return the last known status, without a request."""
        return self._store.status() or StoredStatus(
            SpotifyState.READY if self._store.token() else SpotifyState.NOT_LOGGED_IN, self._clock.wall()
        )

    # Reading

    def me(self) -> User:
        """Return the user who is logged in."""
        response = self._call(self._api.me)
        user_id = printable(str(response.get("id", "")))
        return User(user_id, printable(str(response.get("display_name") or user_id)))

    def devices(self) -> list[PlayerDevice]:
        """Return the devices that are online and that other programs may choose."""
        response = self._call(self._api.devices)
        return [device for device in parse_devices(response.get("devices")) if device.id]

    def playback(self) -> Playback | None:
        """Return the current playback; None where nothing has played for a while."""
        response = self._call(self._api.current_playback, additional_types="track,episode")
        if response is None:
            return None
        try:
            return parse_playback(response)
        except msgspec.ValidationError:
            raise self._unusable_response() from None

    def search(self, query: str) -> list[PlayerTrack]:
        """Return the best matches among tracks, ten at most."""
        response = self._call(self._api.search, query, limit=SEARCH_PAGE_SIZE, type="track")
        return parse_tracks((response.get("tracks") or {}).get("items"))

    def saved_page(self, offset: int) -> Page | None:
        """Return up to fifty of the user's saved tracks; None past their end."""
        return _page(self._call(self._api.current_user_saved_tracks, PAGE_SIZE, offset), parse_saved_tracks)

    def top_page(self, offset: int, time_range: str) -> Page | None:
        """Return up to fifty of the tracks that the user played most in short_term, medium_term or long_term."""
        return _page(self._call(self._api.current_user_top_tracks, PAGE_SIZE, offset, time_range), parse_tracks)

    def playlist_page(self, playlist: str, offset: int) -> Page | None:
        """Return up to fifty tracks of one of the user's own playlists; None past their end."""
        response = self._call(self._api.playlist_items, playlist, None, PAGE_SIZE, offset, None, ("track",))
        return _page(response, parse_saved_tracks)

    # Commands

    def play(self, uri: str | None, device_id: str | None) -> None:
        """Start a track at once, waking the device; without a URI, resume."""
        self._command(self._api.start_playback, device_id, uris=None if uri is None else [uri])

    def queue(self, uri: str) -> None:
        """Queue a track after the current one."""
        self._command(self._api.add_to_queue, uri)

    def pause(self, device_id: str | None) -> None:
        """Pause."""
        self._command(self._api.pause_playback, device_id)

    def volume(self, percent: int, device_id: str | None) -> None:
        """Set the volume, 0 to 100."""
        self._command(self._api.volume, percent, device_id)

    def _command(self, function: Callable[..., Any], *args: Any, **options: Any) -> None:
        self._call(function, *args, **options)
        self._save_ready(frozenset(SpotifyState))

    def _call(self, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Make a request, as all of them are made, and return its JSON object. Raises SpotifyError."""
        try:
            try:
                response = function(*args, **options)
            except spotipy.SpotifyException as error:
                if error.http_status != requests.codes.unauthorized:
                    raise
                # a 401 was not executed, so that it is safe to repeat it with a new token
                self._auth.invalidate_access_token()
                response = function(*args, **options)
        except SpotifyError as error:  # a limit, or the login
            if error.status.state != SpotifyState.RATE_LIMITED:
                self._save_status(error.status)
            raise
        except spotipy.SpotifyException as error:
            raise self._http_error(error) from None
        except SpotifyOauthError as error:
            raise self._login_error(error) from None
        except requests.RequestException as error:
            raise self._error(SpotifyState.OFFLINE, f"({type(error).__name__})", not_executed=False) from None
        # spotipy fails on JSON that it does not expect: a list, or a string for an error
        except (AttributeError, KeyError, TypeError, ValueError):
            raise self._unusable_response() from None
        self._save_ready(_CLEARED_BY_READING)
        return response if isinstance(response, dict) or response is None else {}

    def _http_error(self, error: Any) -> SpotifyError:
        code, text = int(error.http_status), f"{error.reason} {error.msg}".upper()
        if code == requests.codes.too_many_requests:
            return SpotifyError(self._limiter.current_wait() or Status.of(SpotifyState.RATE_LIMITED))
        if code >= requests.codes.server_error:
            return self._error(SpotifyState.OFFLINE, f"(HTTP {code})", not_executed=False)
        state = _state(code, text)
        return self._error(state, f"(HTTP {code})" if state == SpotifyState.REFUSED else "")

    def _login_error(self, error: Any) -> SpotifyError:
        if error.error == "invalid_grant":
            return self._error(SpotifyState.CONSENT_ENDED)
        if error.error in ("invalid_client", "invalid_request", "unauthorized_client", "unsupported_grant_type"):
            return self._error(
                SpotifyState.NOT_LOGGED_IN, f"Check [spotify] client_id and the redirect URI ({error.error})."
            )
        wait = self._limiter.current_wait()
        return SpotifyError(wait) if wait else self._error(SpotifyState.OFFLINE, not_executed=False)

    def _unusable_response(self) -> SpotifyError:
        return self._error(SpotifyState.OFFLINE, "Its response could not be understood.", not_executed=False)

    def _error(self, state: SpotifyState, detail: str = "", *, not_executed: bool = True) -> SpotifyError:
        status = Status.of(state, detail)
        self._save_status(status)
        return SpotifyError(status, not_executed=not_executed)

    def _save_ready(self, cleared: frozenset[SpotifyState]) -> None:
        stored = self._store.status()
        if stored is None or stored.state in cleared:
            self._save_status(Status.of(SpotifyState.READY))

    def _save_status(self, status: Status) -> None:
        """Save a change of state for `mien spotify status`; nothing else, to spare the SD card."""
        stored = self._store.status()
        unchanged = stored is not None and stored.state == status.state and stored.until is None
        if status.state != SpotifyState.REFUSED and not unchanged:
            self._store.save_status(StoredStatus(status.state, self._clock.wall(), status.until, status.sentence))


def _page(response: Any, parse: Callable[[Any], list[PlayerTrack]]) -> Page | None:
    entries = response.get("items")
    if not isinstance(entries, list) or not entries:
        return None
    return Page(parse(entries), len(entries), int(response.get("total") or 0))


def _state(code: int, text: str) -> SpotifyState:
    """Return the state that an HTTP error means. text: its reason and message in upper case."""
    if code == requests.codes.unauthorized or "SCOPE" in text:
        return SpotifyState.NOT_LOGGED_IN
    if code == requests.codes.forbidden:
        if "PREMIUM" in text:
            return SpotifyState.NO_PREMIUM
        return SpotifyState.NOT_REGISTERED if "NOT REGISTERED" in text else SpotifyState.RESTRICTED
    if code == requests.codes.not_found and "DEVICE" in text:
        return SpotifyState.NO_DEVICE
    return SpotifyState.REFUSED
