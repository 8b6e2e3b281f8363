"""HTTP as mien speaks it to Spotify: every request counted, every answer bounded in time and size."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import Any

import msgspec
import requests
import urllib3

from mien.music.players.spotify.rate_limit import RateLimiter

MAX_ANSWER = 4 * 1024 * 1024
"""Bytes; the largest answer that mien asks for, a page of fifty tracks, has a tenth of that."""


_HEADERS = 10.0  # seconds, where a connection has no timeout


class Session(requests.Session):
    """The one session behind spotipy.

    Nothing is repeated by itself, since a POST that was lost may have been carried out. Redirects are not followed: the
    Web API has none, and those of a hotel's network would lead the token elsewhere. `deadline` (seconds) holds for
    connecting, for each wait for data, and for the whole answer.
    """

    def __init__(self, limits: RateLimiter, deadline: float) -> None:
        super().__init__()
        self.auth = _as_it_is
        self.mount("http://", _Adapter())
        self.mount("https://", _Adapter())
        self._limits = limits
        self._deadline = deadline

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **options: Any) -> requests.Response:
        """As requests does it, with the answer read. SpotifyError where a limit forbids to ask."""
        self._limits.spend()
        options |= {"stream": True, "allow_redirects": False, "timeout": self._deadline}
        ends = time.monotonic() + self._deadline
        with super().request(method, url, *args, **options) as response:
            body = _read(response, ends)
        # As Response.content does it itself, which knows no deadline
        response._content = body  # noqa: SLF001
        response._content_consumed = True  # type: ignore[attr-defined] # noqa: SLF001
        if response.status_code == requests.codes.too_many_requests:
            self._limits.refused(response.headers.get("Retry-After"), quota=b"QUOTA" in body.upper())
        if response.is_redirect or (response.ok and not _makes_sense(str(method), response.status_code, body)):
            raise NoAnswer("something came in the place of Spotify's answer")
        return response


class NoAnswer(requests.RequestException):
    """What came is not Spotify's; the exceptions of requests for this are ValueErrors, which spotipy swallows."""


def _makes_sense(method: str, status: int, body: bytes) -> bool:
    """False for a page of HTML, and for any answer to a question but a JSON object or "no content".

    spotipy takes what it cannot read for "nothing plays"; mien must not, or it would start a song over another.
    Commands are answered by nothing, or by odd text.
    """
    if method != "GET":
        return not body.lstrip().startswith(b"<")
    if status == requests.codes.no_content:
        return True
    try:
        return isinstance(msgspec.json.decode(body), dict)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False


class _Punctual:
    """A connection whose status line and headers come within its timeout altogether, not only each of their bytes."""

    sock: socket.socket | None
    timeout: float | None

    def getresponse(self) -> Any:
        """As the library does it, with the socket shut when the time is over."""
        timer = threading.Timer(self.timeout or _HEADERS, _shut, [self.sock])
        timer.daemon = True
        timer.start()
        try:
            return super().getresponse()  # type: ignore[misc] # of the class that this is mixed into
        finally:
            timer.cancel()


class _Http(_Punctual, urllib3.connection.HTTPConnection):
    pass


class _Https(_Punctual, urllib3.connection.HTTPSConnection):
    pass


class _HttpPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _Https


class _Adapter(requests.adapters.HTTPAdapter):
    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """As requests does it, with our connections."""
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}


def _shut(opened: socket.socket | None) -> None:
    if opened is not None:
        with contextlib.suppress(OSError):
            opened.shutdown(socket.SHUT_RDWR)


def _read(response: requests.Response, ends: float) -> bytes:
    body = bytearray()
    try:
        while chunk := response.raw.read1(65536, decode_content=True):
            body += chunk
            if len(body) > MAX_ANSWER:
                raise requests.exceptions.ContentDecodingError("the answer is too long")
            if time.monotonic() > ends:
                raise requests.exceptions.ReadTimeout("the answer is too slow")
    except urllib3.exceptions.HTTPError as error:
        raise requests.exceptions.ChunkedEncodingError(type(error).__name__) from None
    return bytes(body)


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Without an `auth` of its own, requests would put a password from ~/.netrc in the place of the token."""
    return request
