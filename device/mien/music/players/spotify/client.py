"""Spotify's Web API behind one door. The only importer of spotipy."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import requests
import spotipy
from spotipy.cache_handler import CacheHandler
from spotipy.oauth2 import SpotifyOauthError, SpotifyPKCE

from mien.clock import Clock
from mien.config import SpotifyConfig
from mien.music.players.spotify.models import Item, Page, Playback, PlayerDevice, SavedItem, parse, printable
from mien.music.players.spotify.rate_limit import PER_HOUR, RateLimiter
from mien.music.players.spotify.status import SpotifyError, SpotifyState, Status
from mien.music.players.spotify.store import StoredStatus, Token, TokenStore
from mien.music.players.spotify.transport import Session

SCOPES = (
    "user-modify-playback-state",
    "user-read-playback-state",
    "user-read-currently-playing",
    "user-library-read",
    "user-top-read",
    "playlist-read-private",
)
CONSENT_DAYS = 182
"""Spotify's refresh tokens die six months after consent, however often they are used."""

DEADLINE = 10.0
"""Seconds for any one request."""

SEARCH_PAGE, PAGE = 10, 50
"""Most entries a page: of a search since 2026, and of everything else."""

_DISPROVED = frozenset(SpotifyState) - {SpotifyState.NO_PREMIUM, SpotifyState.NO_DEVICE, SpotifyState.RESTRICTED}
"""States that any answer ends. Reading works without Premium and without a device: only a command ends those."""

_FRESH = 60.0
"""A token that ends within so many seconds is renewed first."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where Spotify is."""

    api: str = "https://api.spotify.com/v1/"
    accounts: str = "https://accounts.spotify.com/"


ENDPOINTS = Endpoints()


@dataclass(frozen=True, slots=True)
class User:
    """Who is logged in."""

    id: str
    name: str


class SpotifyClient:
    """What mien asks of Spotify. Each method may raise SpotifyError, which names the state that mien is in then."""

    def __init__(
        self,
        config: SpotifyConfig,
        vault: TokenStore,
        clock: Clock | None = None,
        *,
        endpoints: Endpoints | None = None,
        deadline: float = DEADLINE,
        per_hour: int = PER_HOUR,
    ) -> None:
        endpoints, self._clock, self._vault = endpoints or ENDPOINTS, clock or Clock(), vault
        # spotipy prints tokens when it debugs, and shouts about what is told here as a state
        for name in ("spotipy.client", "spotipy.oauth2", "spotipy.cache_handler"):
            logging.getLogger(name).disabled = True
        self._limits = RateLimiter(vault, self._clock, per_hour)
        session = Session(self._limits, deadline)
        self._auth = _Auth(config, vault, self._clock, session, endpoints)
        self._api = spotipy.Spotify(auth_manager=self._auth, requests_session=session)
        self._api.prefix = endpoints.api

    def me(self) -> User:
        """Who is logged in."""
        answer = self._call(self._api.me)
        number = printable(str(answer.get("id", "")))
        return User(number, printable(str(answer.get("display_name") or number)))

    def devices(self) -> list[PlayerDevice]:
        """The devices that Spotify can see now and that other programs may choose."""
        answer = self._call(self._api.devices)
        return [device for device in self._each(answer.get("devices"), PlayerDevice) if device.id]

    def playback(self) -> Playback | None:
        """What plays now; None where nothing has played for a while."""
        answer = self._call(self._api.current_playback, additional_types="track,episode")
        return None if answer is None else self._parse(answer, Playback)

    def play(self, uri: str | None, device_id: str | None) -> None:
        """Start a track at once, waking the device; without a URI, go on with what was paused."""
        self._command(self._api.start_playback, device_id, uris=None if uri is None else [uri])

    def queue(self, uri: str) -> None:
        """Let a track follow the one that plays."""
        self._command(self._api.add_to_queue, uri)

    def pause(self, device_id: str | None) -> None:
        """Pause."""
        self._command(self._api.pause_playback, device_id)

    def volume(self, percent: int, device_id: str | None) -> None:
        """Set the volume, 0 to 100."""
        self._command(self._api.volume, percent, device_id)

    def search(self, query: str) -> list[Item]:
        """The best matches among tracks, ten at most."""
        answer = self._call(self._api.search, query, limit=SEARCH_PAGE, type="track")
        return list(self._each((answer.get("tracks") or {}).get("items"), Item))

    def saved_page(self, offset: int) -> Page | None:
        """Up to fifty of the user's saved tracks; None past their end."""
        return self._page(self._call(self._api.current_user_saved_tracks, PAGE, offset), SavedItem)

    def top_page(self, offset: int, time_range: str) -> Page | None:
        """Up to fifty of the tracks that the user heard most in short_term, medium_term or long_term."""
        return self._page(self._call(self._api.current_user_top_tracks, PAGE, offset, time_range), Item)

    def playlist_page(self, playlist: str, offset: int) -> Page | None:
        """Up to fifty tracks of one of the user's own playlists."""
        answer = self._call(self._api.playlist_items, playlist, None, PAGE, offset, None, ("track",))
        return self._page(answer, SavedItem)

    def standing(self) -> StoredStatus:
        """How mien stands with Spotify as far as is known without asking."""
        known = self._vault.standing()
        return known or StoredStatus(
            SpotifyState.READY if self._vault.token() else SpotifyState.NOT_LOGGED_IN, self._clock.wall()
        )

    def consent_days_left(self) -> int | None:
        """Whole days until the consent ends; None without a login."""
        token = self._vault.token()
        return None if token is None else int(CONSENT_DAYS - (self._clock.wall() - token.consented_at) / 86400)

    def scopes(self) -> list[str]:
        """What the login allows."""
        token = self._vault.token()
        return sorted(token.scope.split()) if token else []

    def authorize_url(self) -> str:
        """Where the user consents. Begins a login: the answer must carry this login's secret `state`."""
        self._auth.state = secrets.token_urlsafe(24)
        self._auth.get_pkce_handshake_parameters()
        return str(self._auth.get_authorize_url())

    def redirected(self, url: str) -> bool:
        """Take the address to which Spotify sent the browser; False if it is not this login's answer."""
        try:
            fields = parse_qs(urlsplit(url.strip()).query)
        except ValueError:
            return False
        if not secrets.compare_digest("".join(fields.get("state", [])).encode(), str(self._auth.state).encode()):
            return False
        if "code" not in fields:
            reason = fields.get("error", ["no reason given"])[0][:80]
            raise SpotifyError(Status.of(SpotifyState.NOT_LOGGED_IN, f"Spotify did not log you in ({reason!r})."))
        self._call(self._auth.get_access_token, fields["code"][0])
        return True

    def _page(self, answer: Any, kind: type[Any]) -> Page | None:
        entries = answer.get("items")
        if not isinstance(entries, list) or not entries:
            return None
        found = self._each(entries, kind)
        items = [item for item in (_item(entry) for entry in found) if item is not None]
        return Page(items, len(entries), int(answer.get("total") or 0))

    def _each(self, entries: Any, kind: type[Any]) -> Iterator[Any]:
        """What can be understood of a list: one odd entry costs only itself."""
        for entry in entries if isinstance(entries, list) else []:
            try:
                yield parse(entry, kind)
            except msgspec.ValidationError:
                continue

    def _parse(self, answer: Any, kind: type[Any]) -> Any:
        try:
            return parse(answer, kind)
        except msgspec.ValidationError:
            raise self._noted(SpotifyState.OFFLINE, "Its answer makes no sense.", certain=False) from None

    def _call(self, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """The choke point: every request goes through here, and every failure comes out as a SpotifyError."""
        try:
            try:
                answer = function(*args, **options)
            except spotipy.SpotifyException as error:
                if error.http_status != requests.codes.unauthorized:
                    raise
                self._auth.distrust()  # a 401 did nothing, so that it is safe to ask again with a new token
                answer = function(*args, **options)
        except SpotifyError as error:  # a limit, or the login
            if error.problem.state != SpotifyState.RATE_LIMITED:
                self._note(error.problem)
            raise
        except spotipy.SpotifyException as error:
            raise self._refused(error) from None
        except SpotifyOauthError as error:
            raise self._login_failed(error) from None
        except requests.RequestException as error:
            raise self._noted(SpotifyState.OFFLINE, f"({type(error).__name__})", certain=False) from None
        # spotipy trips over bodies that are JSON but not what it expects: a list, or text for an error
        except (AttributeError, KeyError, TypeError, ValueError):
            raise self._noted(SpotifyState.OFFLINE, "Its answer makes no sense.", certain=False) from None
        self._note_ready(_DISPROVED)
        return answer if isinstance(answer, dict) or answer is None else {}

    def _command(self, function: Callable[..., Any], *args: Any, **options: Any) -> None:
        self._call(function, *args, **options)
        self._note_ready(frozenset(SpotifyState))

    def _refused(self, error: Any) -> SpotifyError:
        status, text = int(error.http_status), f"{error.reason} {error.msg}".upper()
        if status == requests.codes.too_many_requests:
            return SpotifyError(self._limits.waiting() or Status.of(SpotifyState.RATE_LIMITED))
        if status >= requests.codes.server_error:
            return self._noted(SpotifyState.OFFLINE, f"(HTTP {status})", certain=False)
        return self._noted(
            _state(status, text), f"(HTTP {status})" if _state(status, text) == SpotifyState.REFUSED else ""
        )

    def _login_failed(self, error: Any) -> SpotifyError:
        if error.error == "invalid_grant":
            return self._noted(SpotifyState.CONSENT_ENDED)
        if error.error in ("invalid_client", "invalid_request", "unauthorized_client", "unsupported_grant_type"):
            return self._noted(
                SpotifyState.NOT_LOGGED_IN, f"Check [spotify] client_id and the redirect URI ({error.error})."
            )
        waiting = self._limits.waiting()
        return SpotifyError(waiting) if waiting else self._noted(SpotifyState.OFFLINE, certain=False)

    def _noted(self, state: SpotifyState, detail: str = "", *, certain: bool = True) -> SpotifyError:
        problem = Status.of(state, detail)
        self._note(problem)
        return SpotifyError(problem, certain=certain)

    def _note_ready(self, disproved: frozenset[SpotifyState]) -> None:
        known = self._vault.standing()
        if known is None or known.state in disproved:
            self._note(Status.of(SpotifyState.READY))

    def _note(self, problem: Status) -> None:
        """Remember a change of state where `mien spotify status` looks, and spare the SD card the rest."""
        known = self._vault.standing()
        if problem.state == SpotifyState.REFUSED or (known and known.state == problem.state and known.until is None):
            return
        self._vault.keep_standing(StoredStatus(problem.state, self._clock.wall(), problem.until, problem.sentence))


def _state(status: int, text: str) -> SpotifyState:
    """The state that an error of Spotify's means: by its status, and by its reason and message in upper case."""
    if status == requests.codes.unauthorized or "SCOPE" in text:
        return SpotifyState.NOT_LOGGED_IN
    if status == requests.codes.forbidden:
        if "PREMIUM" in text:
            return SpotifyState.NO_PREMIUM
        return SpotifyState.NOT_REGISTERED if "NOT REGISTERED" in text else SpotifyState.RESTRICTED
    if status == requests.codes.not_found and "DEVICE" in text:
        return SpotifyState.NO_DEVICE
    return SpotifyState.REFUSED


def _item(entry: Item | SavedItem) -> Item | None:
    return entry if isinstance(entry, Item) else entry.item or entry.track


class _Auth(SpotifyPKCE):  # type: ignore[misc] # spotipy has no types
    """PKCE that never asks on standard input, keeps to our clock, and survives what FACTS of spotipy 2.26 it must."""

    def __init__(
        self, config: SpotifyConfig, vault: TokenStore, clock: Clock, session: Session, endpoints: Endpoints
    ) -> None:
        super().__init__(
            client_id=config.client_id,
            redirect_uri=f"http://127.0.0.1:{config.redirect_port}/callback",
            scope=" ".join(SCOPES),
            requests_session=session,
            open_browser=False,
            cache_handler=_Cache(config.client_id, vault, clock),
        )
        self.OAUTH_AUTHORIZE_URL = endpoints.accounts + "authorize"
        self.OAUTH_TOKEN_URL = endpoints.accounts + "api/token"
        self._vault, self._clock = vault, clock

    def get_access_token(self, code: str | None = None, *, check_cache: bool = True) -> str:
        """The token to send, renewed if it must be; with a code, the first one of a login."""
        if code is not None:
            return str(super().get_access_token(code, check_cache=not check_cache))
        token = self._current()
        if token.expires_at - self._clock.wall() > _FRESH:
            return token.access_token
        with self._vault.renewing():
            token = self._current()  # another process may have renewed it while this one waited
            if token.expires_at - self._clock.wall() > _FRESH:
                return token.access_token
            try:
                return str(self.refresh_access_token(token.refresh_token)["access_token"])
            except SpotifyOauthError as error:
                if error.error == "invalid_grant":
                    self._vault.forget_token()
                raise

    def distrust(self) -> None:
        """Have the token renewed before its time: Spotify does not take it any more."""
        self._vault.keep_token(msgspec.structs.replace(self._current(), expires_at=0.0))

    def _current(self) -> Token:
        token = self._vault.token()
        if token is None or token.client_id != self.client_id:
            known = self._vault.standing()
            ended = known is not None and known.state == SpotifyState.CONSENT_ENDED and token is None
            raise SpotifyError(Status.of(SpotifyState.CONSENT_ENDED if ended else SpotifyState.NOT_LOGGED_IN))
        if not set(SCOPES) <= set(token.scope.split()):
            raise SpotifyError(
                Status.of(SpotifyState.NOT_LOGGED_IN, "mien needs more rights than the last login gave.")
            )
        return token

    def _add_custom_values_to_token_info(self, token_info: dict[str, Any]) -> dict[str, Any]:
        return token_info | {"expires_at": self._clock.wall() + float(token_info["expires_in"])}


class _Cache(CacheHandler):  # type: ignore[misc] # spotipy has no types
    """Hands spotipy's tokens to the vault, and fills in what a reply may leave out."""

    def __init__(self, client_id: str, vault: TokenStore, clock: Clock) -> None:
        self._client_id, self._vault, self._clock = client_id, vault, clock

    def get_cached_token(self) -> None:
        """Nothing: tokens are read from the vault."""

    def save_token_to_cache(self, token_info: dict[str, Any]) -> None:
        """Keep a login's token with the day of its consent, or a renewed one with what the old one had."""
        renewed = "refresh_token" in token_info and self._vault.token()
        old = renewed or Token(self._client_id, "", "", " ".join(SCOPES), 0.0, self._clock.wall())
        self._vault.keep_token(
            Token(
                client_id=self._client_id,
                access_token=str(token_info["access_token"]),
                refresh_token=str(token_info.get("refresh_token") or old.refresh_token),
                scope=str(token_info.get("scope") or old.scope),
                expires_at=float(token_info["expires_at"]),
                consented_at=old.consented_at,
            )
        )
