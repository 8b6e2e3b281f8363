"""What an output is: it acts on moods and camera events, and depends on no camera."""

from __future__ import annotations

from typing import Protocol

from mien.events import Event


class Output(Protocol):
    """Acts on events. Whoever opens it closes it."""

    def handle(self, event: Event) -> None:
        """Take one event, and return soon: the next frame waits."""
        ...

    def alive(self) -> bool:
        """Return whether it still works; if not, the watchdog is no longer fed."""
        ...
