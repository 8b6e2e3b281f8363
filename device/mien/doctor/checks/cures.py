"""Commands that several cures share."""

from __future__ import annotations

import sys


def pip_install(*arguments: str) -> str:
    """Return the command that installs something into the environment of this very mien."""
    return " ".join([sys.executable, "-m", "pip", "install", *arguments])
