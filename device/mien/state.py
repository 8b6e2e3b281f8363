"""Where mien keeps what it learns: catalogue, history, tokens."""

from __future__ import annotations

import os
from pathlib import Path

from mien.errors import ConfigError


def state_directory() -> Path:
    """$STATE_DIRECTORY (systemd's), else $XDG_STATE_HOME/mien, else ~/.local/state/mien; made with mode 0700.

    Raises ConfigError where it can be neither made nor used.
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


def _home() -> Path:
    given = os.environ.get("XDG_STATE_HOME", "")
    return Path(given) if given else Path.home() / ".local" / "state"
