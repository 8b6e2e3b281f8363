"""The client of the broker, which speaks MQTT 5 or 3.1.1: the only importer of paho."""

from __future__ import annotations

import contextlib
import logging
import select
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from mien.mqtt.broker import BrokerSettings
from mien.mqtt.outbox import IN_FLIGHT, Delivery, Message
from mien.mqtt.payloads import MAX_PAYLOAD

_FILTERS_PER_PACKET = 100
_SESSION_EXPIRY = 300  # seconds for which an MQTT 5 broker keeps unfinished deliveries
_MOST_LOGGED = 100  # sentences about access rules

log = logging.getLogger(__name__)


class EndKind(Enum):
    """The ways in which an attempt to connect, or a connection, ends."""

    LOST = auto()
    """The network or the broker ended it, or it broke down."""
    REFUSED = auto()
    """The broker refused the login."""
    BACKED_OFF = auto()
    """This side left, to try again after the longest delay."""
    STOPPED = auto()
    """This side left for good."""


@dataclass(frozen=True, slots=True)
class ConnectionEnd:
    """Why a connection ended. reason: for the log, without a full stop; it follows the broker's address."""

    kind: EndKind
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Received:
    """A message from the broker. retained: it was published earlier, and the broker kept it."""

    topic: str
    payload: bytes
    retained: bool


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription to a topic filter.

    qos: with 0 the broker keeps no message while this client is away, least of all a command.
    as_published: have live messages that were published as retained marked so, where the broker can (MQTT 5).
    """

    pattern: str
    qos: int = 0
    as_published: bool = False


class VersionNegotiation:
    """The protocol version of the current attempt and of the next: MQTT 5, or 3.1.1 where the broker lacks it."""

    def __init__(self) -> None:
        self.current = MQTTProtocolVersion.MQTTv5
        self._next = self.current
        self._refused_v5 = False

    @property
    def is_v5(self) -> bool:
        """Whether the current attempt uses MQTT 5."""
        return self.current == MQTTProtocolVersion.MQTTv5

    def refused(self) -> None:
        """Use 3.1.1 from now on: the broker named the version as its reason to refuse MQTT 5."""
        self._refused_v5 = True
        self._next = MQTTProtocolVersion.MQTTv311

    def closed_without_reply(self) -> None:
        """Use the other version next: some old brokers have no other way to refuse MQTT 5."""
        self._next = MQTTProtocolVersion.MQTTv311 if self.is_v5 else MQTTProtocolVersion.MQTTv5

    def succeeded(self) -> None:
        """Return to MQTT 5 with the next attempt, unless the broker has refused it by name."""
        if not self._refused_v5:
            self._next = MQTTProtocolVersion.MQTTv5

    def advance(self) -> bool:
        """Begin the next attempt; return whether it uses another version than the last one."""
        changed = self._next != self.current
        self.current = self._next
        return changed


class PahoClient:
    """A client that connects, publishes and receives on one thread, and records why a connection ended.

    Messages come from `delivery`, and acknowledgements are reported to it. on_connect and on_message may raise: the
    exception is logged and the connection goes on. on_connect is called when the subscriptions are on their way.
    """

    def __init__(
        self,
        settings: BrokerSettings,
        client_id: str,
        subscriptions: list[Subscription],
        delivery: Delivery,
        *,
        will: Message | None,
        keepalive: int,
        timeout: float,
        on_connect: Callable[[], None],
        on_message: Callable[[Received], None],
    ) -> None:
        self._subscriptions, self._delivery = subscriptions, delivery
        self._on_connected, self._on_received = on_connect, on_message
        self._make = partial(
            _make_client, settings=settings, client_id=client_id, will=will, keepalive=keepalive, timeout=timeout
        )
        self._version = VersionNegotiation()
        self._client = self._new_client()
        self._max_qos = 2
        self._logged: set[str] = set()
        self.is_connected = False
        """Whether the broker has accepted the connection, and it goes on."""
        self.end: ConnectionEnd | None = None
        """Why the latest connection, or attempt to connect, ended; None while it goes on."""

    def connect(self) -> None:
        """Open the network connection and send the CONNECT packet. Raises OSError or ValueError."""
        self.end = None
        if self._version.advance():
            self._delivery.session_lost()
            self._client = self._new_client()
        self._client.reconnect()

    def finish(self, kind: EndKind, reason: str = "") -> None:
        """Record why the connection ended, unless a reason is recorded; backing off counts more than a loss."""
        if self.end is None or kind is EndKind.BACKED_OFF:
            self.end = ConnectionEnd(kind, reason)

    def serve(self, timeout: float, wakeup: int | None = None) -> None:
        """Wait for the network, the wakeup or the timeout, and let paho read, write, and keep the connection alive.

        timeout: seconds. wakeup: a file descriptor that ends the wait once it is readable. Raises OSError, ValueError.
        """
        sock = self._client.socket()
        if sock is None:
            self.finish(EndKind.LOST, "it closed the connection")
            return
        decrypted = isinstance(sock, ssl.SSLSocket) and sock.pending() > 0
        reading: list[Any] = [sock] if wakeup is None else [sock, wakeup]
        writing = [sock] if self._client.want_write() else []
        readable, writable, _ = select.select(reading, writing, [], 0 if decrypted else timeout)
        result = MQTTErrorCode.MQTT_ERR_SUCCESS
        if decrypted or sock in readable:
            result = self._client.loop_read()
        if not result and writable:
            result = self._client.loop_write()
        result = result or self._client.loop_misc()
        if result:
            self.finish(EndKind.LOST, paho.error_string(result).rstrip("."))

    def publish_pending(self) -> None:
        """Publish what is pending, as far as the limit of unacknowledged messages allows."""
        while self.end is None and (message := self._delivery.take()) is not None:
            qos = min(2 if message.exactly_once else 1, self._max_qos)
            info = self._client.publish(message.topic, message.payload, qos, message.retain)
            if qos:
                self._delivery.sent(info.mid, message)
            if info.rc:
                self.finish(EndKind.LOST, paho.error_string(info.rc).rstrip("."))

    def close(self, *, forget_session: bool) -> None:
        """End the connection: with a DISCONNECT packet if this side left, so that the last will is not published.

        forget_session: let the broker drop the session at once, for this client does not come back.
        """
        if self.is_connected and self.end is not None and self.end.kind in (EndKind.BACKED_OFF, EndKind.STOPPED):
            self._client.disconnect(properties=self._disconnect_properties(forget_session))
            with contextlib.suppress(OSError, ValueError):
                self.serve(0)
        elif (sock := self._client.socket()) is not None:
            with contextlib.suppress(OSError):
                sock.close()
        self.is_connected = False
        self._delivery.disconnected()

    def _new_client(self) -> paho.Client:
        client = self._make(self._version)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        client.on_subscribe = self._on_subscribe
        return client

    def _disconnect_properties(self, forget_session: bool) -> Properties | None:
        if not self._version.is_v5 or not forget_session:
            return None
        properties = Properties(PacketTypes.DISCONNECT)  # type: ignore[no-untyped-call]  # paho's own gap
        properties.SessionExpiryInterval = 0
        return properties

    def _subscribe(self) -> None:
        for start in range(0, len(self._subscriptions), _FILTERS_PER_PACKET):
            some = self._subscriptions[start : start + _FILTERS_PER_PACKET]
            if self._version.is_v5:
                self._client.subscribe(
                    [(each.pattern, SubscribeOptions(each.qos, retainAsPublished=each.as_published)) for each in some]
                )
            else:
                self._client.subscribe([(each.pattern, each.qos) for each in some])

    # paho's callbacks. None of them raises: an exception would end up in the middle of paho.

    def _on_connect(
        self,
        client: paho.Client,
        _data: object,
        flags: paho.ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            self._on_refusal(reason.getName())
            return
        self._max_qos = getattr(properties, "MaximumQoS", 2)
        self._version.succeeded()
        self.is_connected = True
        if not flags.session_present:
            client.drop_out_messages()
        self._delivery.connected(session_present=flags.session_present)
        self._subscribe()
        _guarded(self._on_connected)

    def _on_refusal(self, reason: str) -> None:
        if reason == "Unsupported protocol version" and self._version.is_v5:
            self._version.refused()
            self.finish(EndKind.LOST, "it does not support MQTT 5, so MQTT 3.1.1 is next")
            return
        hint = "Check mqtt.username and mqtt.password_file"
        self.finish(EndKind.REFUSED, f"it refused the connection: {reason}. {hint}")

    def _on_subscribe(
        self, _client: paho.Client, _data: object, _mid: int, reasons: list[ReasonCode], _properties: Properties | None
    ) -> None:
        if refused := [reason.getName() for reason in reasons if reason.is_failure]:
            self._log_access(f"the broker refuses a subscription: {refused[0]}")

    def _on_publish(
        self, _client: paho.Client, _data: object, mid: int, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        message = self._delivery.acknowledged(mid)
        if message is not None and reason.is_failure:
            self._log_access(f"the broker refuses a message on {message.topic}: {reason.getName()}")

    def _log_access(self, sentence: str) -> None:
        """Log each sentence once, for a broker's access rules refuse the same thing again and again."""
        if sentence not in self._logged and len(self._logged) < _MOST_LOGGED:
            self._logged.add(sentence)
            log.error("MQTT: %s. Allow this user the topics mien/# and homeassistant/#.", sentence)

    def _on_message(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            log.warning("MQTT: a message whose topic is not UTF-8 text is ignored.")
            return
        received = Received(topic, bytes(message.payload), bool(message.retain))
        _guarded(lambda: self._on_received(received))

    def _on_disconnect(
        self,
        _client: paho.Client,
        _data: object,
        _flags: paho.DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if not self.is_connected and self.end is None:
            self._version.closed_without_reply()
            self.finish(EndKind.LOST, "it closed the connection before it replied")
        self.finish(EndKind.LOST, f"the connection ended: {reason.getName()}")


def describe_error(error: OSError | ValueError) -> str:
    """Return what went wrong and what to check, as a ConnectionEnd's reason."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate cannot be trusted ({error.verify_message}); if it is your own, set mqtt.ca_file"
    if isinstance(error, ssl.SSLError):
        return f"TLS fails ({error.reason or error}); check mqtt.tls and mqtt.port"
    if isinstance(error, socket.gaierror):
        return "its name cannot be resolved; check mqtt.host and the network"
    return str(getattr(error, "strerror", None) or str(error) or type(error).__name__)


def _make_client(
    version: VersionNegotiation,
    *,
    settings: BrokerSettings,
    client_id: str,
    will: Message | None,
    keepalive: int,
    timeout: float,
) -> paho.Client:
    client = paho.Client(
        CallbackAPIVersion.VERSION2,
        client_id,
        protocol=version.current,
        clean_session=None if version.is_v5 else True,
        reconnect_on_failure=False,
    )
    client.connect_timeout = timeout
    client.max_inflight_messages_set(IN_FLIGHT)
    client.max_queued_messages_set(2 * IN_FLIGHT)
    if settings.username:
        client.username_pw_set(settings.username, settings.password or None)
    if settings.tls is not None:
        client.tls_set_context(settings.tls)
    if will is not None:
        client.will_set(will.topic, will.payload, 1, will.retain)
    properties = None
    if version.is_v5:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho's own gap
        properties.SessionExpiryInterval = _SESSION_EXPIRY
        properties.MaximumPacketSize = 4 * MAX_PAYLOAD
    client.connect_async(settings.host, settings.port, keepalive, properties=properties)
    return client


def _guarded(call: Callable[[], None]) -> None:
    try:
        call()
    except Exception:  # a bug in a handler must not end the connection
        log.exception("MQTT: unexpected")
