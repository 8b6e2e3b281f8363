"""`mien mqtt forget`: a node leaves the house without a trace."""

from __future__ import annotations

import sys
import time
from typing import TextIO

from mien.config import MqttConfig
from mien.errors import RemoteError
from mien.mqtt.broker import BrokerSettings
from mien.mqtt.outbox import Message
from mien.mqtt.subscriber import Subscriber
from mien.mqtt.topics import ONLINE, Topics

_QUIET = 1.0  # seconds without another retained message after which all have come
_PATIENCE = 20.0


def forget(config: MqttConfig, node: str, file: TextIO | None = None) -> None:
    """Clear all that the broker keeps of a node, discovery first, and check that it is gone.

    Raises ConfigError, or RemoteError where the broker refuses or the node is online and would say all of it anew.
    """
    topics = Topics(node)
    listening = Subscriber(BrokerSettings.from_config(config), [topics.all, topics.discovery])
    listening.connection.start()
    try:
        listening.wait_until_connected(_PATIENCE)
        kept = _kept(listening)
        if kept.get(topics.of("availability")) == ONLINE:
            raise RemoteError(f"Node {node} is online and would come back: stop it first (systemctl stop mien).")
        for topic in sorted(kept, key=lambda topic: topic != topics.discovery):
            listening.connection.send(Message(topic, b"", retain=True))
        deadline = time.monotonic() + _PATIENCE
        while listening.connection.pending and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        listening.connection.stop()
    if left := _left(config, topics):
        raise RemoteError(f"The broker keeps {', '.join(left)}: this user may not write there.")
    said = f"Node {node}: {len(kept)} retained messages are gone." if kept else f"Nothing is known of {node}."
    print(said, file=file or sys.stdout)


def _kept(listening: Subscriber) -> dict[str, bytes]:
    """The retained messages, by topic."""
    kept: dict[str, bytes] = {}
    while (heard := listening.receive(_QUIET)) is not None:
        if heard.retained and heard.payload:
            kept[heard.topic] = heard.payload
    return kept


def _left(config: MqttConfig, topics: Topics) -> list[str]:
    listening = Subscriber(BrokerSettings.from_config(config), [topics.all, topics.discovery])
    listening.connection.start()
    try:
        listening.wait_until_connected(_PATIENCE)
        return sorted(_kept(listening))
    finally:
        listening.connection.stop()
