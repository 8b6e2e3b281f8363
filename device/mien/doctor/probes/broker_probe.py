"""One connection to the broker: its login, whether what is written comes back, and what it retains."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mien.config import MqttConfig
from mien.doctor.facts import BrokerFacts
from mien.errors import ConfigError
from mien.mqtt.broker import BrokerSettings, node_name
from mien.mqtt.outbox import Delivery, Message
from mien.mqtt.paho_client import ConnectionEnd, EndKind, PahoClient, Received, Subscription, describe_error
from mien.mqtt.topics import HOME_ASSISTANT_STATUS, Topics

CONNECT_TIMEOUT = 5.0
"""Seconds for a broker to accept a connection, and again to accept the login."""

ECHO_TIMEOUT = 2.0
"""Seconds for a message to come back."""

_ATTEMPTS = 3
_AT_ONCE = 1.0  # seconds within which an old broker refuses MQTT 5; the next attempt is then made with 3.1.1
_TICK = 0.05  # seconds


def probe_broker(config: MqttConfig, clock: Callable[[], float] = time.monotonic) -> BrokerFacts:
    """Connect, write to topics that no one else uses, and read them.

    Under mien/ and homeassistant/ these are topics that neither a node nor Home Assistant reads; nothing is retained.
    """
    facts = BrokerFacts(configured=bool(config.host))
    if not facts.configured:
        return facts
    try:
        with _collected_warnings() as facts.warnings:
            settings = BrokerSettings.from_config(config)
        facts.node, facts.address = node_name(config), settings.address
    except ConfigError as error:
        facts.setup_fault = str(error)
        return facts
    topics = Topics(facts.node)
    facts.expected = [topics.of("doctor"), f"{topics.discovery.removesuffix('config')}doctor"]
    with _collected_warnings():  # what it would log is among the facts
        for topic in facts.expected:  # each on its own connection: a broker may end one on which a message is forbidden
            _Probe(settings, facts, topic, clock).run()
            if facts.fault:
                break
    return facts


class _Probe:
    """A client that writes a random text to a topic, and notes whether it comes back."""

    def __init__(self, settings: BrokerSettings, facts: BrokerFacts, topic: str, clock: Callable[[], float]) -> None:
        self._facts, self._clock, self._topic = facts, clock, topic
        self._text, self._discovery = uuid.uuid4().hex.encode(), Topics(facts.node).discovery
        self._delivery = Delivery(clock)
        self._connected_at: float | None = None
        self._client = PahoClient(
            settings,
            f"mien-doctor-{uuid.uuid4().hex[:10]}",
            [Subscription(each, qos=1) for each in (topic, self._discovery, HOME_ASSISTANT_STATUS)],
            self._delivery,
            will=None,
            keepalive=15,
            timeout=CONNECT_TIMEOUT,
            on_connect=self._write,
            on_message=self._note,
        )

    def run(self) -> None:
        """Connect, with another version of the protocol where the broker wants one, and wait for the echo."""
        for _ in range(_ATTEMPTS):
            began = self._clock()
            end = self._connect_once()
            self._client.close(forget_session=True)
            if self._connected_at is not None:  # it replied: an end that came later is judged by the echo
                return
            if end.kind is not EndKind.LOST or self._clock() - began > _AT_ONCE:
                break
        self._facts.fault, self._facts.refused = end.reason, end.kind is EndKind.REFUSED

    def _connect_once(self) -> ConnectionEnd:
        try:
            self._client.connect()
            deadline = self._clock() + CONNECT_TIMEOUT
            while self._client.end is None:
                self._client.serve(_TICK)
                self._client.publish_pending()
                if self._connected_at is None and self._clock() > deadline:
                    self._client.finish(EndKind.LOST, f"it sent nothing for {CONNECT_TIMEOUT:.0f} s")
                elif self._is_done():
                    self._client.finish(EndKind.STOPPED)
        except (OSError, ValueError) as error:
            self._client.finish(EndKind.LOST, describe_error(error))
        assert self._client.end is not None
        return self._client.end

    def _is_done(self) -> bool:
        """Return whether the echo has come, or its time is over: what the broker retains comes before it."""
        if self._connected_at is None:
            return False
        return self._topic in self._facts.echoes or self._clock() - self._connected_at > ECHO_TIMEOUT

    def _write(self) -> None:
        self._connected_at = self._clock()
        self._delivery.put(Message(self._topic, self._text))

    def _note(self, message: Received) -> None:
        if message.topic == self._topic and message.payload == self._text:
            self._facts.echoes.append(message.topic)
        elif message.topic == HOME_ASSISTANT_STATUS and message.retained:
            self._facts.status = message.payload[:20].decode(errors="replace")
        elif message.topic == self._discovery:
            self._facts.discovery = bool(message.payload)


@contextmanager
def _collected_warnings() -> Iterator[list[str]]:
    """Yield a list that takes what mien.mqtt logs meanwhile, instead of the terminal."""
    lines: list[str] = []

    class _Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    logger, handler = logging.getLogger("mien.mqtt"), _Collector(logging.WARNING)
    propagated, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield lines
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagated
