"""The state directory, and files in it: replaced whole, locked."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from mien.errors import ConfigError

_LOCK_POLL = 0.05  # seconds between attempts to take a lock


def state_directory() -> Path:
    """Return $STATE_DIRECTORY (systemd's), else $XDG_STATE_HOME/mien, else ~/.local/state/mien; made with mode 0700.

    Raises ConfigError where it cannot be made.
    """
    given = os.environ.get("STATE_DIRECTORY", "").split(":")[0]  # systemd separates several by colons
    path = Path(given) if given else _home() / "mien"
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"The state directory {path} cannot be made: {error.strerror}. Set STATE_DIRECTORY."
        ) from None
    return path


def replace_file(path: Path, content: bytes) -> None:
    """Replace a file's content atomically, with mode 0600.

    A power cut or a full disk leaves the old file or the new one, never a part of one. Raises OSError where it cannot
    be written; the old file then stays.
    """
    part = path.with_suffix(f".{os.getpid()}.part")  # two processes never write to one
    try:
        file = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(file, "wb") as opened:
            os.fchmod(file, 0o600)  # also where a part of a killed process lay with another mode
            opened.write(content)
            opened.flush()
            os.fsync(file)
        part.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink()
        raise


@contextlib.contextmanager
def locked(path: Path, timeout: float = 0.0) -> Iterator[None]:
    """Hold the exclusive lock of a file, which is made with mode 0600, among the processes of this machine.

    Raises TimeoutError where another holds it for longer than `timeout` seconds, and OSError where it cannot be opened.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + timeout
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise TimeoutError(f"{path} is locked") from None
                time.sleep(_LOCK_POLL)
        yield
    finally:
        os.close(file)


def _home() -> Path:
    given = os.environ.get("XDG_STATE_HOME", "")
    return Path(given) if given else Path.home() / ".local" / "state"
