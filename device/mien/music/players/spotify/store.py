"""The token and the last status, in files that outlive the process."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from mien.errors import RemoteError
from mien.music.players.spotify.status import SpotifyState
from mien.state import locked, replace_file

LOCK_SECONDS = 30.0
"""How long to wait for another process that is refreshing the token."""

_MAX_FILE = 64 * 1024  # bytes
_Kind = TypeVar("_Kind", bound=msgspec.Struct)


class Token(msgspec.Struct, frozen=True):
    """The tokens of one consent. expires_at and consented_at: seconds since 1970."""

    client_id: str
    access_token: str
    refresh_token: str
    scope: str
    expires_at: float
    consented_at: float

    def __repr__(self) -> str:
        """Return nothing that could betray the token in a log or a traceback."""
        return f"Token(expires_at={self.expires_at})"


class StoredStatus(msgspec.Struct, frozen=True):
    """The last status. since and until: seconds since 1970; no request is made before `until`."""

    state: SpotifyState
    since: float
    until: float | None = None
    sentence: str = ""


class TokenStore:
    """Two files of mode 0600, each replaced as a whole, so that a power cut leaves the old or the new one.

    Every method raises RemoteError where a file cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._token_path = folder / "spotify-token.json"
        self._status_path = folder / "spotify-status.json"

    def token(self) -> Token | None:
        """Return the token; None where there is none or its file is damaged."""
        return _read(self._token_path, Token)

    def save_token(self, token: Token) -> None:
        """Replace the token."""
        self._write(self._token_path, token)

    def delete_token(self) -> None:
        """Delete a token that Spotify no longer accepts."""
        self._token_path.unlink(missing_ok=True)

    def status(self) -> StoredStatus | None:
        """Return the last status, from this process or another; None where it is not known."""
        return _read(self._status_path, StoredStatus)

    def save_status(self, status: StoredStatus) -> None:
        """Replace the status."""
        self._write(self._status_path, status)

    @contextlib.contextmanager
    def refresh_lock(self) -> Iterator[None]:
        """Hold the lock under which one process at a time refreshes the token.

        Spotify may revoke the old refresh token when it issues a new one.
        """
        self._make_folder()
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(locked(self._folder / "spotify.lock", LOCK_SECONDS))
            except TimeoutError:
                raise RemoteError("Another mien has been refreshing the Spotify token for too long: stop it.") from None
            except OSError as error:
                raise RemoteError(f"{self._folder} cannot be used: {error.strerror}. Check its permissions.") from None
            yield

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
            raise RemoteError(
                f"{path} cannot be written: {error.strerror}. Make room or check its permissions."
            ) from None


def _read(path: Path, kind: type[_Kind]) -> _Kind | None:
    try:
        with path.open("rb") as file:
            return msgspec.json.decode(file.read(_MAX_FILE), type=kind)
    except FileNotFoundError:
        return None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None  # as good as none: a login or the next request writes a new one
    except OSError as error:
        raise RemoteError(f"{path} cannot be read: {error.strerror}. Run mien as the user who logged in.") from None
