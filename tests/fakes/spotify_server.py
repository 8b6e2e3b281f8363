"""A fake Spotify: an HTTP server with its own accounts, devices, queue and clock, which a test can have fail."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from tests.fakes.spotify_contract import ApiContract

START = 1_795_000_000.0
"""The wall clock's second at which every simulation begins."""


class FakeTime:
    """A clock that moves only when a test sets it."""

    def __init__(self) -> None:
        self.now = 0.0

    def steady(self) -> float:
        return self.now

    def wall(self) -> float:
        return START + self.now


@dataclass
class PlayerState:
    """What plays where."""

    device: str | None = None
    uri: str | None = None
    since: float = 0.0  # when the track would have begun if it had never been paused
    paused_at: float | None = None  # its progress while it is paused
    context: str | None = None
    rest: list[str] = field(default_factory=list)
    queue: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Start:
    """A track that began. cut: seconds that were left of the track before, 0 where that had ended."""

    uri: str
    at: float
    by: str
    cut: float


@dataclass(frozen=True)
class RecordedRequest:
    """A request that was received, and the status of its response."""

    at: float
    method: str
    path: str
    status: int


class Refusal(Exception):  # noqa: N818 # a response, not a fault
    """An error response."""

    def __init__(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        super().__init__(status)
        self.status, self.body, self.headers = status, body, headers or {}


def error(status: int, message: str, reason: str | None = None, **headers: str) -> Refusal:
    body = {"status": status, "message": message} | ({"reason": reason} if reason else {})
    return Refusal(status, {"error": body}, {name.replace("_", "-"): value for name, value in headers.items()})


class FakeSpotify:
    """The service. Its state is open to the test; `fault` names what goes wrong with the next requests."""

    def __init__(self, clock: FakeTime, contract: ApiContract | None) -> None:
        self.clock, self.contract = clock, contract
        self.lock = threading.Lock()
        self.violations: list[str] = []
        self.requests: list[RecordedRequest] = []
        self.starts: list[Start] = []
        self.client_id = "0123456789abcdef0123456789abcdef"
        self.tracks: dict[str, dict[str, Any]] = {}
        self.devices: dict[str, dict[str, Any]] = {}
        self.player = PlayerState()
        self.saved: list[str] = []
        self.top: list[str] = []
        self.playlists: dict[str, list[str]] = {}
        self.premium = self.registered = True
        self.autoplay: list[str] = []
        self.relink: dict[str, str] = {}
        self.access: dict[str, float] = {}
        self.refresh: set[str] = set()
        self.codes: dict[str, tuple[str, str]] = {}
        self.rotate, self.omit_refresh, self.omit_scope = False, False, False
        self.scope: str | None = None
        self.fault: str | Callable[[str, str], str] = ""
        self.hang = 1.0
        self.per_window = 60

    # The world outside of the Web API: what people and time do

    def add_track(self, uri: str, title: str, artist: str, seconds: int = 210, isrc: str | None = None) -> str:
        number = uri.rsplit(":", 1)[1]
        artist_object = {"name": artist, "id": "a" + number[1:], "type": "artist", "uri": f"spotify:artist:{number}"}
        self.tracks[uri] = {
            "uri": uri,
            "id": number,
            "type": "track",
            "name": title,
            "artists": [artist_object | {"href": "", "external_urls": {}}],
            "duration_ms": seconds * 1000,
            "explicit": False,
            "external_ids": {"isrc": isrc} if isrc else {},
            "is_local": False,
            "track_number": 1,
            "disc_number": 1,
        }
        return uri

    def add_device(self, number: str, name: str, volume: int | None = 50) -> None:
        self.devices[number] = {
            "id": number,
            "name": name,
            "type": "Speaker",
            "is_private_session": False,
            "is_restricted": False,
            "volume_percent": volume,
            "supports_volume": volume is not None,
        }

    def person_plays(self, uri: str, device: str, context: str | None = None, rest: tuple[str, ...] = ()) -> None:
        self._begin(uri, device, "person", context, list(rest))

    def person_skips(self) -> None:
        self.settle()
        self._next("person")

    def person_pauses(self) -> None:
        self.settle()
        self.player.paused_at = self.progress()

    def settle(self) -> None:
        """Let the tracks play on until now."""
        player = self.player
        while player.uri and player.paused_at is None and self.progress() >= self.length(player.uri):
            ended = player.since + self.length(player.uri)
            self._next("spotify", ended)

    def progress(self) -> float:
        player = self.player
        return self.clock.now - player.since if player.paused_at is None else player.paused_at

    def length(self, uri: str) -> float:
        return float(self.tracks[uri]["duration_ms"]) / 1000

    def _begin(self, uri: str, device: str, by: str, context: str | None = None, rest: list[str] | None = None) -> None:
        self.settle()
        player = self.player
        playing = player.uri is not None and player.paused_at is None
        cut = self.length(player.uri) - self.progress() if playing and player.uri else 0.0
        self.starts.append(Start(uri, self.clock.now, by, cut))
        self.player = PlayerState(device, uri, self.clock.now, None, context, rest or [], player.queue)

    def _next(self, by: str, at: float | None = None) -> None:
        player, at = self.player, self.clock.now if at is None else at
        followers = player.queue or player.rest or self.autoplay
        if not followers:
            player.paused_at = 0.0  # the end of all there was: the last track stays loaded
            return
        uri = followers.pop(0)
        assert player.uri is not None
        cut = max(0.0, self.length(player.uri) - (at - player.since)) if by == "person" else 0.0
        self.starts.append(Start(uri, at, by, cut))
        player.uri, player.since, player.paused_at = uri, at, None

    # The Web API

    def respond(self, method: str, path: str, query: dict[str, str], body: Any, bearer: str) -> tuple[int, Any]:
        self.settle()
        if self.access.get(bearer, 0.0) <= self.clock.wall():
            raise error(401, "The access token expired")
        recent = [
            request for request in self.requests if request.at > self.clock.now - 30 and request.path.startswith("/v1")
        ]
        if len(recent) > self.per_window:
            raise error(429, "API rate limit exceeded", Retry_After="30")
        if not self.registered:
            raise Refusal(403, "User not registered in the Developer Dashboard")
        if method == "GET":
            return self._get(path, query)
        if not self.premium:
            raise error(403, "Player command failed: Premium required", "PREMIUM_REQUIRED")
        self._command(method, path, query, body or {})
        return 204, None

    def _get(  # noqa: PLR0911 # one for each path
        self, path: str, query: dict[str, str]
    ) -> tuple[int, Any]:
        offset, limit = int(query.get("offset", 0)), int(query.get("limit", 20))
        if path == "/me":
            return 200, {"id": "ada", "display_name": "Ada", "uri": "spotify:user:ada", "type": "user"}
        if path == "/me/player/devices":
            return 200, {"devices": [self._device(number) for number in self.devices]}
        if path == "/me/player":
            return (200, self._playback()) if self.player.uri and self.player.device in self.devices else (204, None)
        if path == "/search":
            if limit > 10:
                raise error(400, "Invalid limit")
            matches = [track for track in self.tracks.values() if _matches(track, query["q"])]
            return 200, {"tracks": _paging(matches, offset, limit)}
        if path == "/me/tracks":
            entries = [{"added_at": "2026-01-01T00:00:00Z", "track": self.tracks[uri]} for uri in self.saved]
            return 200, _paging(entries, offset, limit)
        if path == "/me/top/tracks":
            return 200, _paging([self.tracks[uri] for uri in self.top], offset, limit)
        if path.startswith("/playlists/") and path.split("/")[2] in self.playlists:
            entries = [
                {"added_at": "2026-01-01T00:00:00Z", "item": self.tracks[uri]}
                for uri in self.playlists[path.split("/")[2]]
            ]
            return 200, _paging(entries, offset, limit)
        raise error(404, "Not found.")

    def _command(self, method: str, path: str, query: dict[str, str], body: dict[str, Any]) -> None:
        device = query.get("device_id", self.player.device or "")
        if device not in self.devices:
            raise error(404, "Player command failed: No active device found", "NO_ACTIVE_DEVICE")
        if self.devices[device]["is_restricted"]:
            raise error(403, "Player command failed: Restriction violated", "UNKNOWN")
        match method, path:
            case "PUT", "/me/player/play":
                self._play(device, body)
            case "PUT", "/me/player/pause":
                self.player.paused_at = self.progress()
            case "PUT", "/me/player/volume":
                self.devices[device]["volume_percent"] = int(query["volume_percent"])
            case "POST", "/me/player/queue":
                self.player.queue.append(self._known(query["uri"]))
            case _:
                raise error(405, "Method not allowed")

    def _play(self, device: str, body: dict[str, Any]) -> None:
        if "uris" in body:
            first, *rest = [self._known(uri) for uri in body["uris"]]
            self._begin(first, device, "api", None, rest)
        elif self.player.paused_at is not None:
            self.player.since, self.player.paused_at = self.clock.now - self.player.paused_at, None

    def _known(self, uri: str) -> str:
        if uri not in self.tracks:
            raise error(400, "Invalid track uri: " + uri)
        return self.relink.get(uri, uri)

    def _device(self, number: str) -> dict[str, Any]:
        return self.devices[number] | {"is_active": number == self.player.device}

    def _playback(self) -> dict[str, Any]:
        player = self.player
        assert player.device
        assert player.uri
        context: dict[str, Any] = {"uri": player.context, "type": "playlist", "href": "", "external_urls": {}}
        return {
            "device": self._device(player.device),
            "repeat_state": "off",
            "shuffle_state": False,
            "context": context if player.context else None,
            "timestamp": int(self.clock.wall() * 1000),
            "progress_ms": int(self.progress() * 1000),
            "is_playing": player.paused_at is None,
            "item": self.tracks[player.uri],
            "currently_playing_type": "track",
            "actions": {},
        }

    # The accounts service

    def consent(self, url: str) -> str:
        """Return the address to which a browser is redirected when the user agrees."""
        query = dict(parse_qsl(urlsplit(url).query))
        assert query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256"
        assert query["client_id"] == self.client_id
        code = secrets.token_hex(8)
        self.codes[code] = (query["code_challenge"], query["redirect_uri"])
        self.scope = query["scope"] if self.scope is None else self.scope
        return f"{query['redirect_uri']}?code={code}&state={query['state']}"

    def token(self, form: dict[str, str]) -> tuple[int, Any]:
        if form.get("client_id") != self.client_id:
            raise Refusal(400, {"error": "invalid_client", "error_description": "Invalid client"})
        if form["grant_type"] == "authorization_code":
            challenge, redirect = self.codes.pop(form["code"], ("", ""))
            digest = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest())
            good = digest.decode().rstrip("=") == challenge and form["redirect_uri"] == redirect
        else:
            good = form["refresh_token"] in self.refresh
        if not good:
            raise Refusal(400, {"error": "invalid_grant", "error_description": "Refresh token revoked"})
        return 200, self._grant(form.get("refresh_token"))

    def _grant(self, old: str | None) -> dict[str, Any]:
        access = "access-" + secrets.token_hex(16)
        self.access[access] = self.clock.wall() + 3600
        reply = {"access_token": access, "token_type": "Bearer", "expires_in": 3600, "scope": self.scope}
        if old is None or self.rotate:
            self.refresh.discard(old or "")
            reply["refresh_token"] = "refresh-" + secrets.token_hex(16)
            self.refresh.add(str(reply["refresh_token"]))
        elif not self.omit_refresh:
            reply["refresh_token"] = old
        if self.omit_scope:
            del reply["scope"]
        return reply


class SpotifyServer:
    """The service on a port of 127.0.0.1, from `with` to its end."""

    def __init__(self, clock: FakeTime, contract: ApiContract | None = None) -> None:
        self.spotify = FakeSpotify(clock, contract)
        handler = type("BoundHandler", (_Handler,), {"spotify": self.spotify})
        self._http = _Http(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}/"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(5)


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: object) -> None:
        """A client that went away is part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    spotify: FakeSpotify
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        """Log nothing: tests read `requests`."""

    def do_GET(self) -> None:  # the name that http.server calls
        self._serve()

    do_PUT = do_POST = do_GET  # noqa: N815 # as above

    def _serve(self) -> None:
        spotify, url = self.spotify, urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        raw = self.rfile.read(length)
        with spotify.lock:
            fault = spotify.fault if isinstance(spotify.fault, str) else spotify.fault(self.command, url.path)
            try:
                status, body, headers = *self._respond(fault, url.path, url.query, raw), {}
            except Refusal as refusal:
                status, body, headers = refusal.status, refusal.body, refusal.headers
            spotify.requests.append(RecordedRequest(spotify.clock.now, self.command, url.path, status))
        self._send(fault, status, body, headers)

    def _respond(self, fault: str, path: str, query: str, raw: bytes) -> tuple[int, Any]:
        spotify = self.spotify
        if fault.isdecimal() and fault != "500after":
            raise error(int(fault), "SpotifyServer error")
        if fault.startswith("429:"):
            raise error(429, "API rate limit exceeded", Retry_After=fault.removeprefix("429:"))
        if fault == "quota":
            raise error(429, "Quota exceeded", "QUOTA_EXCEEDED", Retry_After="7200")
        if fault in ("dead", "html", "redirect"):
            return 200, None
        if path == "/api/token":
            return spotify.token(dict(parse_qsl(raw.decode())))
        fields = dict(parse_qsl(query))
        path = path.removeprefix("/v1").rstrip("/")
        body = json.loads(raw) if raw else None
        bearer = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if spotify.contract:
            spotify.violations += spotify.contract.faults_of_request(self.command, path, fields, body)
        status, response = spotify.respond(self.command, path, fields, body, bearer)
        if spotify.contract:
            spotify.violations += spotify.contract.faults_of_response(self.command, path, status, response)
        return status, response

    def _send(  # noqa: C901, PLR0912 # one branch a fault
        self, fault: str, status: int, body: Any, headers: dict[str, str]
    ) -> None:
        if fault in ("dead", "lost"):  # "lost": the request was carried out
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        if fault == "500after":
            status, body = 500, {"error": {"status": 500, "message": "Internal server error"}}
        text = body if isinstance(body, str) else "" if body is None else json.dumps(body)
        content = {"html": "<!doctype html><title>Welcome to our hotel</title>", "list": "[1, 2]", "nul": "null"}
        text = content.get(fault, text)
        if fault == "string":
            status, text = 400, '{"error": "not an object"}'
        if fault == "redirect":
            status, headers = 302, {"Location": "http://127.0.0.1:9/login"}
        data = text.encode()
        if status == 204 and (data or fault == "cut"):
            status = 200
        if fault == "drip":  # headers that never end
            for number in range(20):
                self.wfile.write(b"HTTP/1.1 200 OK\r\n"[number : number + 1] or b"x")
                time.sleep(self.spotify.hang)
        if fault == "slow" and not data:
            time.sleep(2 * self.spotify.hang)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if data or status != 204:
            self.send_header("Content-Type", "text/html" if fault == "html" else "application/json")
            self.send_header("Content-Length", str(len(data) + (1000 if fault == "cut" else 0)))
        self.end_headers()
        if fault == "slow":  # a byte now and then, each in time, the whole never
            for byte in data:
                time.sleep(self.spotify.hang)
                self.wfile.write(bytes([byte]))
        self.wfile.write(data)
        if fault == "cut":
            self.close_connection = True


def _paging(entries: list[Any], offset: int, limit: int) -> dict[str, Any]:
    return {
        "href": "https://api.spotify.com/v1/",
        "items": entries[offset : offset + limit],
        "limit": limit,
        "next": None if offset + limit >= len(entries) else "https://api.spotify.com/v1/next",
        "offset": offset,
        "previous": None,
        "total": len(entries),
    }


def _matches(track: dict[str, Any], query: str) -> bool:
    if query.startswith("isrc:"):
        return bool(track["external_ids"].get("isrc") == query.removeprefix("isrc:"))
    names = f"{track['name']} {track['artists'][0]['name']}".casefold()
    words = query.replace("track:", "").replace("artist:", "").replace('"', "").casefold().split()
    return all(word in names for word in words)


__all__ = ["START", "FakeSpotify", "FakeTime", "RecordedRequest", "SpotifyServer", "Start"]
