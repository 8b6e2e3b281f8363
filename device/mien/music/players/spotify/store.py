"""What mien must remember of Spotify from one start to the next: the tokens, and how the two stand."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from mien.errors import RemoteError
from mien.music.players.spotify.status import SpotifyState
from mien.state import replace_file

LOCK_SECONDS = 30.0
"""How long to wait for another mien that is renewing the token."""

_MAX_FILE = 64 * 1024
_Kind = TypeVar("_Kind", bound=msgspec.Struct)


class Token(msgspec.Struct, frozen=True):
    """What a consent gave. expires_at and consented_at: seconds since 1970."""

    client_id: str
    access_token: str
    refresh_token: str
    scope: str
    expires_at: float
    consented_at: float

    def __repr__(self) -> str:
        """Nothing that could betray the token in a log or a traceback."""
        return f"Token(expires_at={self.expires_at})"


class StoredStatus(msgspec.Struct, frozen=True):
    """How mien last stood with Spotify. since and until: seconds since 1970; no request is made before `until`."""

    state: SpotifyState
    since: float
    until: float | None = None
    sentence: str = ""


class TokenStore:
    """Two files of mode 0600, each replaced as a whole, so that a cut power supply leaves the old or the new one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._token = folder / "spotify-token.json"
        self._standing = folder / "spotify-standing.json"

    def token(self) -> Token | None:
        """The token, or None where there is none or its file is damaged."""
        return _read(self._token, Token)

    def keep_token(self, token: Token) -> None:
        """Replace the token."""
        self._write(self._token, token)

    def forget_token(self) -> None:
        """Remove a token that Spotify takes no longer."""
        self._token.unlink(missing_ok=True)

    def standing(self) -> StoredStatus | None:
        """How mien last stood with Spotify, in this process or another; None if that is not known."""
        return _read(self._standing, StoredStatus)

    def keep_standing(self, standing: StoredStatus) -> None:
        """Replace it."""
        self._write(self._standing, standing)

    @contextlib.contextmanager
    def renewing(self) -> Iterator[None]:
        """Only one process renews a token at a time: Spotify may void the old one when it gives a new one."""
        self._make_folder()
        try:
            file = os.open(self._folder / "spotify.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise RemoteError(f"{self._folder} cannot be used: {error.strerror}. Mend its rights.") from None
        try:
            _lock(file)
            yield
        finally:
            os.close(file)

    def _make_folder(self) -> None:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise RemoteError(f"{self._folder} cannot be made: {error.strerror}. Set XDG_STATE_HOME.") from None

    def _write(self, path: Path, value: msgspec.Struct) -> None:
        self._make_folder()
        try:
            replace_file(path, msgspec.json.encode(value))
        except OSError as error:
            raise RemoteError(f"{path} cannot be written: {error.strerror}. Make room or mend its rights.") from None


def _read(path: Path, kind: type[_Kind]) -> _Kind | None:
    try:
        with path.open("rb") as file:
            return msgspec.json.decode(file.read(_MAX_FILE), type=kind)
    except FileNotFoundError:
        return None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None  # as good as none: a login or the next request makes a new one
    except OSError as error:
        raise RemoteError(f"{path} cannot be read: {error.strerror}. Run mien as the user who logged in.") from None


def _lock(file: int) -> None:
    ends = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > ends:
                raise RemoteError("Another mien has been renewing the Spotify token for too long: stop it.") from None
            time.sleep(0.05)
        else:
            return
