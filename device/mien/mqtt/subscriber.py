"""A subscriber to nodes, for programs that have no camera: messages arrive on a bounded queue."""

from __future__ import annotations

import logging
import queue
import time
import uuid
from typing import Self

from mien.errors import RemoteError
from mien.mqtt.broker import BrokerSettings
from mien.mqtt.connection import Connection, ConnectionTiming
from mien.mqtt.paho_client import Received, Subscription

BACKLOG = 10_000
"""The most messages that wait for a slow receiver; beyond that the oldest are dropped."""

_POLL = 0.05  # seconds

log = logging.getLogger(__name__)


class Subscriber:
    """A connection that only receives, from entering the context to its exit. patterns: topic filters."""

    def __init__(self, settings: BrokerSettings, patterns: list[str], timing: ConnectionTiming | None = None) -> None:
        self._received: queue.Queue[Received] = queue.Queue(BACKLOG)
        self.dropped = 0
        """The number of messages that were dropped because the receiver was too slow."""
        client_id = f"mien-listen-{uuid.uuid4().hex[:10]}"
        self.connection = Connection(
            settings, client_id, self, [Subscription(pattern, qos=1) for pattern in patterns], timing=timing
        )

    def __enter__(self) -> Self:
        self.connection.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.stop()

    def receive(self, timeout: float) -> Received | None:
        """Return the next message; None if none comes within so many seconds."""
        try:
            return self._received.get(timeout=timeout)
        except queue.Empty:
            return None

    def wait_until_connected(self, timeout: float) -> None:
        """Return when connected. Raises RemoteError if the broker refuses, or cannot be reached within the timeout."""
        waited = 0.0
        while not self.connection.is_connected:
            refusal = self.connection.refusal
            if refusal or waited >= timeout:
                reason = refusal or f"it did not reply within {timeout:.0f} s. Check mqtt.host and mqtt.port"
                raise RemoteError(f"The broker cannot be used: {reason}.")
            time.sleep(_POLL)
            waited += _POLL

    def on_connect(self) -> None:
        """Do nothing: the broker sends the retained messages by itself."""

    def on_message(self, message: Received) -> None:
        """Queue a message; if the queue is full, drop the oldest."""
        while True:
            try:
                self._received.put_nowait(message)
            except queue.Full:
                self.dropped += 1
                if self.dropped == 1:
                    log.warning("MQTT: messages arrive faster than they are processed: the oldest are dropped.")
                self._received.get()
            else:
                return

    def on_tick(self) -> None:
        """Do nothing: a subscriber publishes nothing by itself."""
