"""Progress of long work: one line that redraws itself in a terminal, a few lines in a log."""

from __future__ import annotations

import time
from typing import Self, TextIO


class Progress:
    """Called with what is being done and the share that is done, 0 to 1; prints it now and then."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._terminal = file.isatty()
        self._interval = 0.1 if self._terminal else 5.0  # seconds
        self._printed_at = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._terminal:
            print("\r\033[K", end="", file=self._file, flush=True)

    def __call__(self, what: str, share: float) -> None:
        """Print it, unless something was printed just now."""
        now = time.monotonic()
        if now - self._printed_at < self._interval:
            return
        self._printed_at = now
        text = f"{what} {min(1.0, share):.0%}"
        if self._terminal:
            print(f"\r\033[K{text}", end="", file=self._file, flush=True)
        else:
            print(text, file=self._file, flush=True)
