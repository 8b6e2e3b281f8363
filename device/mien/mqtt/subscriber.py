"""Subscriber to nodes, for programs that have no camera: their words arrive on a bounded queue."""

from __future__ import annotations

import logging
import queue
import time
import uuid

from mien.errors import RemoteError
from mien.mqtt.broker import BrokerSettings
from mien.mqtt.connection import Connection, ConnectionTiming, Received, Subscription

BACKLOG = 10_000
"""Messages that may wait for a listener that is slow; then the oldest go."""

log = logging.getLogger(__name__)


class Subscriber:
    """A Link that only hears."""

    def __init__(self, access: BrokerSettings, patterns: list[str], timing: ConnectionTiming | None = None) -> None:
        self._heard: queue.Queue[Received] = queue.Queue(BACKLOG)
        self.lost = 0
        """Messages that were dropped because the listener was too slow."""
        client_id = f"mien-listen-{uuid.uuid4().hex[:10]}"
        self.link = Connection(
            access, client_id, self, [Subscription(pattern, qos=1) for pattern in patterns], timing=timing
        )

    def next(self, seconds: float) -> Received | None:
        """The next message; None where none comes in time."""
        try:
            return self._heard.get(timeout=seconds)
        except queue.Empty:
            return None

    def wait_until_connected(self, seconds: float) -> None:
        """For commands that end. Raises RemoteError if the broker cannot be reached or refuses."""
        waited = 0.0
        while not self.link.up:
            if self.link.refused or waited >= seconds:
                why = self.link.refused or f"it did not answer within {seconds:.0f} s. Check mqtt.host and mqtt.port"
                raise RemoteError(f"The broker cannot be used: {why}.")
            time.sleep(0.05)
            waited += 0.05

    def connected(self) -> None:
        """Nothing is due: the retained messages come anew by themselves."""

    def heard(self, message: Received) -> None:
        """Queue it."""
        while True:
            try:
                self._heard.put_nowait(message)
            except queue.Full:
                self.lost += 1
                if self.lost == 1:
                    log.warning("MQTT: messages come faster than they are dealt with: the oldest are dropped.")
                self._heard.get()
            else:
                return

    def pulse(self) -> None:
        """Nothing is due."""
