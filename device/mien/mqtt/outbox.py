"""Messages on their way to the broker: pending ones and unacknowledged ones. Pure, and bounded by construction."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

IN_FLIGHT = 20
"""The most messages that the broker has yet to acknowledge; the others wait in the outbox."""

PENDING_EVENTS = 64
"""The most messages that wait in the outbox and are not retained."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message to be published. exactly_once asks for QoS 2; all others go out with QoS 1."""

    topic: str
    payload: bytes
    retain: bool = False
    exactly_once: bool = False


class Outbox:
    """The messages that have yet to be sent, merged by two rules.

    Of retained messages only the latest of each topic waits, and only while connected: all of them are published again
    on the next connection. Of other messages each waits for its turn while connected, and only the latest of its topic
    while not.
    """

    def __init__(self) -> None:
        self._retained: dict[str, Message] = {}
        self._transient: deque[Message] = deque(maxlen=PENDING_EVENTS)
        self._connected = False

    def __len__(self) -> int:
        return len(self._retained) + len(self._transient)

    def put(self, message: Message) -> None:
        """Add a message. A retained one goes to the end of the queue, so that the latest is sent last."""
        if not message.retain:
            self._transient.append(message)
            if not self._connected:
                self._merge()
        elif self._connected:
            self._retained.pop(message.topic, None)
            self._retained[message.topic] = message

    def put_back(self, message: Message) -> None:
        """Add a message again that the broker may not have received, unless a later one of its topic waits."""
        if not message.retain and all(pending.topic != message.topic for pending in self._transient):
            self._transient.appendleft(message)

    def take(self) -> Message | None:
        """Remove and return the next message: first those that are not retained, which lose their worth sooner."""
        if self._transient:
            return self._transient.popleft()
        for topic in self._retained:
            return self._retained.pop(topic)
        return None

    def set_connected(self, connected: bool) -> None:
        """Choose the merging rule: that of a connection, or that of an outage."""
        self._connected = connected
        if not connected:
            self._retained.clear()
            self._merge()

    def clear(self) -> None:
        """Drop every message."""
        self._retained.clear()
        self._transient.clear()

    def _merge(self) -> None:
        latest = {message.topic: message for message in self._transient}
        self._transient = deque(latest.values(), maxlen=PENDING_EVENTS)


class Delivery:
    """The outbox, and the messages that were sent but are not acknowledged. May be used from any thread."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._outbox = Outbox()
        self._unacknowledged: dict[int, tuple[Message, float]] = {}

    def __len__(self) -> int:
        """Return the number of messages that the broker has not acknowledged, sent or not."""
        with self._lock:
            return len(self._outbox) + len(self._unacknowledged)

    def put(self, message: Message) -> None:
        """Add a message by the rules of the Outbox."""
        with self._lock:
            self._outbox.put(message)

    def take(self) -> Message | None:
        """Remove and return the next message to send; None if there is none, or if IN_FLIGHT are unacknowledged."""
        with self._lock:
            return self._outbox.take() if len(self._unacknowledged) < IN_FLIGHT else None

    def sent(self, message_id: int, message: Message) -> None:
        """Expect an acknowledgement."""
        with self._lock:
            self._unacknowledged[message_id] = message, self._now()

    def acknowledged(self, message_id: int) -> Message | None:
        """Return the message that the broker has acknowledged; None for an unknown id."""
        with self._lock:
            message, _ = self._unacknowledged.pop(message_id, (None, 0.0))
            return message

    def longest_wait(self) -> float:
        """Return the seconds for which the oldest unacknowledged message has waited."""
        with self._lock:
            now = self._now()
            return now - min((at for _, at in self._unacknowledged.values()), default=now)

    def connected(self, *, session_present: bool) -> None:
        """Take up the merging rule of a connection.

        If the broker kept the session, paho completes the deliveries in progress, and they may take their time again.
        Otherwise their messages go back into the outbox, unless later ones wait.
        """
        with self._lock:
            if session_present:
                now = self._now()
                self._unacknowledged = {key: (message, now) for key, (message, _) in self._unacknowledged.items()}
            else:
                self._put_back_unacknowledged()
            self._outbox.set_connected(True)

    def disconnected(self) -> None:
        """Take up the merging rule of an outage. What is unacknowledged may be completed by the next connection."""
        with self._lock:
            self._outbox.set_connected(False)

    def session_lost(self) -> None:
        """Put the unacknowledged messages back, for no later connection will complete their delivery."""
        with self._lock:
            self._put_back_unacknowledged()

    def clear(self) -> None:
        """Drop every message that was not sent."""
        with self._lock:
            self._outbox.clear()

    def _put_back_unacknowledged(self) -> None:
        for message, _ in reversed(self._unacknowledged.values()):
            self._outbox.put_back(message)
        self._unacknowledged.clear()
