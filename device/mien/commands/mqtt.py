"""`mien mqtt forget`: removes a node from the broker and from Home Assistant."""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from mien.commands.arguments import add_config
from mien.config import MqttConfig
from mien.config_file import load_effective
from mien.errors import RemoteError, UsageError
from mien.mqtt.broker import BrokerSettings, node_name
from mien.mqtt.outbox import Message
from mien.mqtt.subscriber import Subscriber
from mien.mqtt.topics import NODE_PATTERN, ONLINE, Topics

_IDLE = 1.0  # seconds without another retained message after which all have arrived
_TIMEOUT = 20.0  # seconds for connecting, and for publishing
_POLL = 0.05  # seconds


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `mien mqtt`."""
    parser.add_argument("action", choices=("forget",))
    parser.add_argument("node", nargs="?", metavar="NODE", help="default: this machine's")
    add_config(parser)


def run(arguments: argparse.Namespace) -> None:
    """Remove the node."""
    config = load_effective(arguments.config).mqtt
    if arguments.node is not None and not re.match(NODE_PATTERN, arguments.node):
        raise UsageError(f"{arguments.node!r} is not a valid node name: use lower-case letters, digits, - and _.")
    forget(config, arguments.node or node_name(config))


def forget(config: MqttConfig, node: str, file: TextIO | None = None) -> None:
    """Clear all retained messages of a node, discovery first, and check that they are gone.

    Raises ConfigError, or RemoteError where the broker refuses or the node is online and would publish them again.
    """
    topics = Topics(node)
    with _subscriber(config, topics) as subscriber:
        messages = _retained(subscriber)
        if messages.get(topics.of("availability")) == ONLINE:
            raise RemoteError(f"Node {node} is online and would come back: stop it first (systemctl stop mien).")
        for topic in sorted(messages, key=lambda topic: topic != topics.discovery):
            subscriber.connection.send(Message(topic, b"", retain=True))
        deadline = time.monotonic() + _TIMEOUT
        while subscriber.connection.pending and time.monotonic() < deadline:
            time.sleep(_POLL)
    with _subscriber(config, topics) as subscriber:
        if left := sorted(_retained(subscriber)):
            raise RemoteError(f"The broker keeps {', '.join(left)}: this user may not write there.")
    text = (
        f"Node {node}: {len(messages)} retained messages are gone."
        if messages
        else f"The broker has no messages of {node}."
    )
    print(text, file=file or sys.stdout)


@contextmanager
def _subscriber(config: MqttConfig, topics: Topics) -> Iterator[Subscriber]:
    """Yield a connected subscriber of all the node's topics. Raises ConfigError and RemoteError."""
    with Subscriber(BrokerSettings.from_config(config), [topics.all, topics.discovery]) as subscriber:
        subscriber.wait_until_connected(_TIMEOUT)
        yield subscriber


def _retained(subscriber: Subscriber) -> dict[str, bytes]:
    """Return the retained payloads by topic."""
    payloads: dict[str, bytes] = {}
    while (message := subscriber.receive(_IDLE)) is not None:
        if message.retained and message.payload:
            payloads[message.topic] = message.payload
    return payloads
