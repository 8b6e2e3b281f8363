"""Commands that several cures share."""

from __future__ import annotations

import os
import sys


def pip_install(*arguments: str) -> str:
    """Return the command that installs something into the environment of this very mien, by whoever may write there."""
    sudo = [] if os.access(sys.prefix, os.W_OK) else ["sudo"]
    return " ".join([*sudo, sys.executable, "-m", "pip", "install", *arguments])
