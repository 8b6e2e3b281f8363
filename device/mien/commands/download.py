"""Downloads one pinned file: over verified TLS, resumable, and in place only once its digest is right."""

from __future__ import annotations

import hashlib
import http.client
import os
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from mien.errors import InputError, MienError

_TIMEOUT = 20.0  # seconds without a byte
_LONGEST = 600.0  # seconds in all
_CHUNK = 16 << 10


class DownloadError(MienError):
    """The server refuses the file for good, or delivers another one."""

    exit_code = 6


def download(url: str, path: Path, size: int, sha256: str, progress: Callable[[int, int], None]) -> bool:
    """Download a file unless it is there already; return whether it was downloaded.

    size: bytes of the whole file. progress: called with the bytes so far and in all. What has arrived stays in a file
    beside `path` (named .part), from which the next attempt resumes. Raises DownloadError and InputError.
    """
    if path.is_file() and path.stat().st_size == size and _digest(path) == sha256:
        return False
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _complete(url, part, size, progress)
        if _digest(part) != sha256:
            part.unlink()
            raise DownloadError(f"{url} delivers another file than expected: nothing was kept. Update mien.")
        os.replace(part, path)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}.") from None
    return True


def _complete(url: str, part: Path, size: int, progress: Callable[[int, int], None]) -> None:
    have = part.stat().st_size if part.exists() else 0
    if have > size:
        part.unlink()
        have = 0
    if have == size:
        return
    deadline = time.monotonic() + _LONGEST
    with _open(url, have) as response:
        resumed = response.status == http.HTTPStatus.PARTIAL_CONTENT
        have = have if resumed else 0
        with part.open("ab" if resumed else "wb") as file:
            while have < size and time.monotonic() < deadline:
                chunk = _read(url, response, min(_CHUNK, size - have))
                file.write(chunk)
                have += len(chunk)
                progress(have, size)
    if have < size:
        raise InputError(f"{url} is too slow: {have} of {size} bytes arrived. Run the command again to resume.")


def _open(url: str, have: int) -> http.client.HTTPResponse:
    request = urllib.request.Request(url, headers={"User-Agent": "mien"})  # noqa: S310 - our own constant
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        response: http.client.HTTPResponse = urllib.request.urlopen(  # noqa: S310 - as above
            request, timeout=_TIMEOUT, context=ssl.create_default_context()
        )
    except urllib.error.HTTPError as error:
        error.close()
        if error.code < 500:  # a server that is busy or broken may deliver it later
            raise DownloadError(f"{url} returns {error.code} {error.reason}: update mien.") from None
        raise InputError(f"{url} returns {error.code} {error.reason}: try again later.") from None
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise InputError(
            f"{url} cannot be reached ({reason}): check the network, then run the command again."
        ) from None
    return response


def _read(url: str, response: http.client.HTTPResponse, count: int) -> bytes:
    try:
        chunk = response.read(count)
    except (OSError, http.client.HTTPException):
        chunk = b""
    if not chunk:
        raise InputError(f"{url} broke off: run the command again to resume.")
    return chunk


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
