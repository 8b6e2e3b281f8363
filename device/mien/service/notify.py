"""Status notifications to systemd: ready, alive, stopping. Nothing is sent where systemd did not ask for them."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable


class Notifier:
    """Sends sd_notify(3) messages to $NOTIFY_SOCKET, and feeds the watchdog at a third of $WATCHDOG_USEC."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, healthy: Callable[[], bool] = lambda: True) -> None:
        self._clock, self._healthy = clock, healthy
        self._address = os.environ.get("NOTIFY_SOCKET", "").replace("@", "\0", 1)
        usec = os.environ.get("WATCHDOG_USEC", "")
        self._interval = int(usec) / 3e6 if usec.isdecimal() else None
        self._fed_at = -float("inf")

    def ready(self) -> None:
        """Report that the daemon works from now on."""
        self._send("READY=1")

    def alive(self) -> None:
        """Feed the watchdog when that is due and `healthy` holds.

        Called once a frame, so that the watchdog bites when a camera delivers no frames or an output has died.
        """
        now = self._clock()
        if self._interval is not None and now - self._fed_at >= self._interval and self._healthy():
            self._fed_at = now
            self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        """Set the status line of `systemctl status`."""
        self._send(f"STATUS={text}")

    def stopping(self) -> None:
        """Report that the daemon is stopping."""
        self._send("STOPPING=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        # the service must not fail because no one receives its health
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.setblocking(False)
            channel.sendto(message.encode(), self._address)
