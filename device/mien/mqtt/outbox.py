"""What waits to be sent. Pure, and bounded by construction."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

WAITING_EVENTS = 64


@dataclass(frozen=True, slots=True)
class Message:
    """A message to be published. exactly_once asks for QoS 2; all others go out with QoS 1."""

    topic: str
    payload: bytes
    retain: bool = False
    exactly_once: bool = False


class Outbox:
    """The merging rule.

    Of what is retained only the latest of each topic waits, and not beyond the connection: all of it is said anew with
    the next. Of what is not, each waits its turn while there is a connection, and only the latest of its topic while
    there is none.
    """

    def __init__(self) -> None:
        self._retained: dict[str, Message] = {}
        self._passing: deque[Message] = deque(maxlen=WAITING_EVENTS)
        self._connected = False

    def __len__(self) -> int:
        return len(self._retained) + len(self._passing)

    def put(self, message: Message) -> None:
        """Let a message wait. Retained ones take their turn anew, so that what is said last is sent last."""
        if not message.retain:
            self._passing.append(message)
            if not self._connected:
                self._merge()
        elif self._connected:
            self._retained.pop(message.topic, None)
            self._retained[message.topic] = message

    def put_back(self, message: Message) -> None:
        """Let a message wait again that the broker may not have, unless one said since then stands for it."""
        if not message.retain and all(waiting.topic != message.topic for waiting in self._passing):
            self._passing.appendleft(message)

    def take(self) -> Message | None:
        """The next message: what passes goes before what stays, for it loses its worth sooner."""
        if self._passing:
            return self._passing.popleft()
        for topic in self._retained:
            return self._retained.pop(topic)
        return None

    def connected(self, is_so: bool) -> None:
        """Note that the connection has come or gone."""
        self._connected = is_so
        if not is_so:
            self._retained.clear()
            self._merge()

    def clear(self) -> None:
        """Say nothing of what waits."""
        self._retained.clear()
        self._passing.clear()

    def _merge(self) -> None:
        latest = {message.topic: message for message in self._passing}
        self._passing = deque(latest.values(), maxlen=WAITING_EVENTS)
