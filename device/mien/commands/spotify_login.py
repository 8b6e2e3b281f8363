"""`mien spotify login`: consent in any browser; the redirect arrives at a loopback port, or is pasted over SSH."""

from __future__ import annotations

import os
import select
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TextIO

from mien.commands.spotify_client import open_client
from mien.config import SpotifyConfig
from mien.errors import MienError, RemoteError
from mien.music.players.spotify.client import SpotifyClient

DEADLINE = 600.0
"""Seconds that a person has for the whole login."""

_REQUEST_TIMEOUT = 5.0  # seconds that one request to the loopback port may take
_MAX_LINE = 8192


def login(config: SpotifyConfig, deadline: float = DEADLINE, stdin: TextIO | None = None) -> None:
    """Wait for the user's consent and save its token; deadline: seconds.

    Raises SpotifyError where consent is refused, and RemoteError at the deadline.
    """
    spotify = open_client(config)
    port = config.redirect_port
    server = _listen(port, spotify)
    print(f"Open this address in a browser, on this or any other machine, and agree:\n\n{spotify.begin_login()}\n")
    print(
        f"If the browser then shows that 127.0.0.1:{port} cannot be reached, copy the whole address from its "
        "address bar and paste it here, with Enter:",
        flush=True,
    )
    try:
        _wait(spotify, server, stdin or sys.stdin, time.monotonic() + deadline)
    finally:
        if server is not None:
            server.server_close()
    print(f"Logged in as {spotify.me().name}. The consent holds for about six months.")


class _Listener(HTTPServer):
    """Receives the browser's redirect. outcome: None until the redirect of this very login has arrived."""

    def __init__(self, port: int, spotify: SpotifyClient) -> None:
        super().__init__(("127.0.0.1", port), _RedirectHandler)
        self.spotify = spotify
        self.outcome: MienError | bool | None = None

    def handle_error(self, *_: object) -> None:
        """Ignore clients that break off."""


class _RedirectHandler(BaseHTTPRequestHandler):
    timeout = _REQUEST_TIMEOUT
    server: _Listener

    def do_GET(self) -> None:  # http.server's name for it
        """Take the redirect that carries this login's secret; reject anything else, which changes nothing."""
        try:
            taken = self.path.startswith("/callback?") and self.server.spotify.complete_login(self.path)
            text = (
                "mien is logged in: you can close this window."
                if taken
                else "This is not the redirect of mien's login."
            )
            self.server.outcome = taken or None
        except MienError as error:
            taken, text, self.server.outcome = False, str(error), error
        self.send_response(200 if taken else 400)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        """Log nothing: the address contains the code."""


def _listen(port: int, spotify: SpotifyClient) -> _Listener | None:
    try:
        return _Listener(port, spotify)
    except OSError:
        print(f"Port {port} is in use, so the address must be pasted.", file=sys.stderr)
        return None


def _wait(spotify: SpotifyClient, server: _Listener | None, stdin: TextIO, deadline: float) -> None:
    """Return once the redirect has arrived at the server or on stdin; deadline: seconds on the monotonic clock."""
    sources = [source for source in (server.fileno() if server else None, _fileno(stdin)) if source is not None]
    line = b""
    while sources:
        ready, _, _ = select.select(sources, [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            raise RemoteError("No consent was given in time: run 'mien spotify login' again.")
        if server is not None and server.fileno() in ready:
            server.handle_request()
            if isinstance(server.outcome, MienError):
                raise server.outcome
            if server.outcome:
                return
            continue
        read = os.read(ready[0], _MAX_LINE)
        if not read:
            sources.remove(ready[0])
        *whole, line = (line + read)[-_MAX_LINE:].split(b"\n")
        for pasted in [*whole, *([line] if not read else [])]:
            if pasted.strip() and spotify.complete_login(pasted.decode(errors="replace")):
                return
            if pasted.strip():
                print("That is not the address of this login: copy the whole address, with code and state.", flush=True)
    raise RemoteError("There is neither a terminal to paste into nor a free port: set [spotify] redirect_port.")


def _fileno(stdin: TextIO) -> int | None:
    try:
        return stdin.fileno()
    except (OSError, ValueError):
        return None
