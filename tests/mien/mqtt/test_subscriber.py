"""The queue of a subscriber."""

from __future__ import annotations

import pytest

from mien.mqtt import subscriber
from mien.mqtt.broker import BrokerSettings
from mien.mqtt.paho_client import Received
from mien.mqtt.subscriber import Subscriber


def test_a_slow_receiver_loses_the_oldest_messages(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """When the queue is full the oldest messages are dropped and counted, and one warning is logged."""
    monkeypatch.setattr(subscriber, "BACKLOG", 3)
    slow = Subscriber(BrokerSettings("127.0.0.1", 1), ["mien/#"])
    for number in range(5):
        slow.on_message(Received("t", str(number).encode(), retained=False))
    received = [message.payload for _ in range(3) if (message := slow.receive(0)) is not None]
    assert received == [b"2", b"3", b"4"]
    assert slow.dropped == 2
    assert len(caplog.records) == 1
    assert slow.receive(0) is None
    slow.connection.stop()
