"""The HTTP session behind spotipy: every request is rate limited, every response bounded in time and size."""

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

MAX_RESPONSE = 4 * 1024 * 1024
"""Bytes; the largest response that mien requests, a page of fifty tracks, has a tenth of that."""

_HEADERS_TIMEOUT = 10.0  # seconds, where a connection has no timeout


class SpotifySession(requests.Session):
    """The one session of a client.

    Nothing is retried here, since a POST whose response was lost may have been executed. Redirects are not followed:
    the Web API has none, and those of a captive portal would send the token elsewhere. `timeout` (seconds) holds for
    connecting, for each read, and for the whole response.
    """

    def __init__(self, limiter: RateLimiter, timeout: float) -> None:
        super().__init__()
        self.auth = _keep_authorization
        self.mount("http://", _DeadlineAdapter())
        self.mount("https://", _DeadlineAdapter())
        self._limiter = limiter
        self._timeout = timeout

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **options: Any) -> requests.Response:
        """Return the response with its body read.

        Raises SpotifyError where a limit forbids the request, UnusableResponse, and what requests raises.
        """
        self._limiter.acquire()
        options |= {"stream": True, "allow_redirects": False, "timeout": self._timeout}
        deadline = time.monotonic() + self._timeout
        with super().request(method, url, *args, **options) as response:
            body = _read(response, deadline)
        # As Response.content does it, but within the deadline
        response._content = body  # noqa: SLF001
        response._content_consumed = True  # type: ignore[attr-defined] # noqa: SLF001
        if response.status_code == requests.codes.too_many_requests:
            self._limiter.record_retry_after(response.headers.get("Retry-After"), quota=b"QUOTA" in body.upper())
        if response.is_redirect or (response.ok and not _is_usable(str(method), response.status_code, body)):
            raise UnusableResponse("the response did not come from Spotify")
        return response


class UnusableResponse(requests.RequestException):  # named as those of requests
    """A response that is not Spotify's; the exceptions of requests for this are ValueErrors, which spotipy ignores."""


def _is_usable(method: str, status: int, body: bytes) -> bool:
    """Return False for a page of HTML, and for any response to a GET but a JSON object or "no content".

    spotipy treats what it cannot parse as "nothing plays"; mien would then start a song over another. The response to
    a command is empty, or arbitrary text.
    """
    if method != "GET":
        return not body.lstrip().startswith(b"<")
    if status == requests.codes.no_content:
        return True
    try:
        return isinstance(msgspec.json.decode(body), dict)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False


class _DeadlineMixin:
    """A connection whose timeout holds for the status line and headers together, not only for each read."""

    sock: socket.socket | None
    timeout: float | None

    def getresponse(self) -> Any:
        """Return the response; the socket is shut down when the time is over."""
        timer = threading.Timer(self.timeout or _HEADERS_TIMEOUT, _shut_down, [self.sock])
        timer.daemon = True
        timer.start()
        try:
            return super().getresponse()  # type: ignore[misc] # of the class that this is mixed into
        finally:
            timer.cancel()


class _HttpConnection(_DeadlineMixin, urllib3.connection.HTTPConnection):
    pass


class _HttpsConnection(_DeadlineMixin, urllib3.connection.HTTPSConnection):
    pass


class _HttpPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _HttpConnection


class _HttpsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _HttpsConnection


class _DeadlineAdapter(requests.adapters.HTTPAdapter):
    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Make the pool manager with connections that keep the deadline."""
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}


def _shut_down(connection: socket.socket | None) -> None:
    if connection is not None:
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)


def _read(response: requests.Response, deadline: float) -> bytes:
    body = bytearray()
    try:
        while chunk := response.raw.read1(65536, decode_content=True):
            body += chunk
            if len(body) > MAX_RESPONSE:
                raise requests.exceptions.ContentDecodingError("the response is too long")
            if time.monotonic() > deadline:
                raise requests.exceptions.ReadTimeout("the response is too slow")
    except urllib3.exceptions.HTTPError as error:
        raise requests.exceptions.ChunkedEncodingError(type(error).__name__) from None
    return bytes(body)


def _keep_authorization(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Return the request unchanged: without an `auth`, requests would replace the token by a ~/.netrc password."""
    return request
