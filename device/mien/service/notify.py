"""Tells systemd how the service is: ready, alive, stopping. Silent where systemd does not listen."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable


class Notifier:
    """Speaks sd_notify(3) to $NOTIFY_SOCKET, and keeps the watchdog fed at a third of $WATCHDOG_USEC."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, healthy: Callable[[], bool] = lambda: True) -> None:
        self._clock, self._healthy = clock, healthy
        self._address = os.environ.get("NOTIFY_SOCKET", "").replace("@", "\0", 1)
        usec = os.environ.get("WATCHDOG_USEC", "")
        self._interval = int(usec) / 3e6 if usec.isdecimal() else None
        self._fed = -float("inf")

    def ready(self) -> None:
        """The daemon does its work from now on."""
        self._send("READY=1")

    def alive(self) -> None:
        """Called once a frame: a camera that stops giving frames, or an output that died, lets the watchdog bite."""
        now = self._clock()
        if self._interval is not None and now - self._fed >= self._interval and self._healthy():
            self._fed = now
            self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        """One line for `systemctl status`."""
        self._send(f"STATUS={text}")

    def stopping(self) -> None:
        """The daemon is on its way out."""
        self._send("STOPPING=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        # The service must not fall over because nobody listens to its health.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.setblocking(False)
            channel.sendto(message.encode(), self._address)
