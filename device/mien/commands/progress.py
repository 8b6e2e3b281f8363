"""How far long work has come: one line that renews itself in a terminal, a few lines in a log."""

from __future__ import annotations

import time
from typing import Self, TextIO


class Progress:
    """Called with what is being done and the share that is done, 0 to 1."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._terminal = file.isatty()
        self._every = 0.1 if self._terminal else 5.0  # seconds
        self._said = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._terminal:
            print("\r\033[K", end="", file=self._file, flush=True)

    def __call__(self, what: str, share: float) -> None:
        """Say it, unless something was said just now."""
        now = time.monotonic()
        if now - self._said < self._every:
            return
        self._said = now
        text = f"{what} {min(1.0, share):.0%}"
        print(
            f"\r\033[K{text}" if self._terminal else text,
            end="" if self._terminal else "\n",
            file=self._file,
            flush=True,
        )
