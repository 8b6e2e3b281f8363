"""The connection to the broker: the only importer of paho."""

from __future__ import annotations

import contextlib
import logging
import random
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from mien.mqtt.broker import BrokerSettings
from mien.mqtt.outbox import Message, Outbox
from mien.mqtt.payloads import LARGEST

IN_FLIGHT = 20
"""Messages that the broker has yet to acknowledge; the rest waits in the outbox."""

_FILTERS_AT_ONCE = 100
_SESSION = 300  # seconds for which an MQTT 5 broker remembers half-done deliveries

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ConnectionTiming:
    """Seconds. keepalive: a machine without power is offline after one and a half of it.

    patience: how long a broker may take to accept a connection or acknowledge a message. first_delay, longest_delay:
    between attempts, doubling, and shortened by up to half at random. farewell: for the last messages.
    """

    keepalive: int = 15
    patience: float = 10.0
    first_delay: float = 1.0
    longest_delay: float = 30.0
    drain_timeout: float = 3.0


@dataclass(frozen=True, slots=True)
class Received:
    """A message from the broker. retained: it was said some time ago, and kept."""

    topic: str
    payload: bytes
    retained: bool


class ConnectionHandler(Protocol):
    """Whom a Link serves. Every call comes on the Link's thread."""

    def connected(self) -> None:
        """The connection stands and the subscriptions are on their way: say what is to be known."""
        ...

    def heard(self, message: Received) -> None:
        """A message has come."""
        ...

    def pulse(self) -> None:
        """While connected, about every `Link.PULSE` seconds and after each `Link.wake`: say what is due."""
        ...


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription. qos 0: the broker keeps nothing for when we are away, least of all a command.

    as_published: tell live messages that are retained from others, where the broker can (MQTT 5).
    """

    pattern: str
    qos: int = 0
    as_published: bool = False


class Connection:
    """One connection, kept up by one thread, which is the only one that publishes.

    Nothing here raises once it is started: what goes wrong is logged with the delay until the next attempt.
    """

    PULSE = 0.25

    def __init__(
        self,
        access: BrokerSettings,
        client_id: str,
        listener: ConnectionHandler,
        filters: list[Subscription],
        *,
        will: Message | None = None,
        timing: ConnectionTiming | None = None,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._access, self._client_id, self._listener = access, client_id, listener
        self._filters, self._will, self._timing = filters, will, timing or ConnectionTiming()
        self._clock, self._chance = clock, chance
        self._lock = threading.Lock()
        self._outbox = Outbox()
        self._unacknowledged: dict[int, tuple[Message, float]] = {}
        self._protocol = MQTTProtocolVersion.MQTTv5
        self._client = self._make_client()
        self._up = False
        self._most_qos = 2
        self._lost = ""
        self._aside = ""
        self._next_protocol = self._protocol
        self._knows_no_5 = False
        self._told_unwanted: set[str] = set()
        self.refused = ""
        """Why the broker turned us away, empty while it did not."""
        self._attempts = 0
        self._stop_at: float | None = None
        self._thread = threading.Thread(target=self._work, name="mqtt", daemon=True)
        self._beat = clock()
        self._bell, self._ear = socket.socketpair()
        self._bell.setblocking(False)
        self._ear.setblocking(False)

    @property
    def up(self) -> bool:
        """Whether the broker hears us now."""
        return self._up

    @property
    def waiting(self) -> int:
        """Messages that are not with the broker yet."""
        with self._lock:
            return len(self._outbox) + len(self._unacknowledged)

    def start(self) -> None:
        """Begin; returns at once, whether there is a broker or not."""
        self._thread.start()

    def send(self, message: Message) -> None:
        """From any thread. What happens to it while there is no connection is the Outbox's rule."""
        with self._lock:
            self._outbox.put(message)
        self.wake()

    def wake(self) -> None:
        """Have the thread look for what is due, now."""
        with contextlib.suppress(OSError):  # a full pipe wakes as well, a closed one sleeps for good
            self._bell.send(b"\0")

    def back_off(self, reason: str) -> None:
        """On the Link's thread: leave the broker without a word, and try again after the longest delay."""
        self._aside = reason
        with self._lock:
            self._outbox.clear()

    def alive(self) -> bool:
        """Whether the thread does its work: for the watchdog. A look-up of the broker's name may take a while."""
        return self._thread.is_alive() and self._clock() - self._beat < 3 * self._timing.patience + 30

    def stop(self) -> None:
        """Send what waits, as far as the broker takes it within the farewell's time, disconnect, and end."""
        self._stop_at = self._clock() + self._timing.drain_timeout
        self.wake()
        if self._thread.is_alive():
            self._thread.join(self._timing.drain_timeout + 2)
        if not self._thread.is_alive():
            self._ear.close()
            self._bell.close()

    # --- below here, all runs on the thread

    def _work(self) -> None:
        while self._stop_at is None:
            self._lost = ""
            try:
                self._converse()
            except (OSError, ValueError) as error:
                self._lost = _in_words(error)
            except Exception as error:  # a bug in a listener or in paho must not silence the node for good
                log.exception("MQTT: unexpected")
                self._lost = f"unexpected {type(error).__name__}"
            self._leave()
            if self._stop_at is None:
                self._wait_for_next()
            if self._next_protocol != self._protocol:
                self._change_protocol()

    def _converse(self) -> None:
        """Connect and serve the connection until it is lost, no longer wanted, or over."""
        self._client.reconnect()
        patience_ends = self._clock() + self._timing.patience
        while not (self._lost or self._aside or self._may_go()):
            self._beat = self._clock()
            self._serve(self.PULSE)
            if self._up:
                self._listener.pulse()
                self._pump()
                self._watch_acknowledgements()
            elif self._beat > patience_ends and not self._lost:
                self._lost = f"it took the connection and said nothing for {self._timing.patience:.0f} s"

    def _serve(self, timeout: float) -> None:
        """Wait for the network, a bell or the time to pass, and let paho do what is to be done."""
        sock: Any = self._client.socket()
        if sock is None:
            self._lost = self._lost or "it closed the connection"
            return
        decrypted = isinstance(sock, ssl.SSLSocket) and sock.pending() > 0
        writing = [sock] if self._client.want_write() else []
        readable, writable, _ = select.select([sock, self._ear], writing, [], 0 if decrypted else timeout)
        if self._ear in readable:
            with contextlib.suppress(BlockingIOError):
                self._ear.recv(4096)
        result = MQTTErrorCode.MQTT_ERR_SUCCESS
        if decrypted or sock in readable:
            result = self._client.loop_read()
        if not result and writable:
            result = self._client.loop_write()
        result = result or self._client.loop_misc()
        if result and not self._lost:
            self._lost = paho.error_string(result).rstrip(".")

    def _pump(self) -> None:
        while len(self._unacknowledged) < IN_FLIGHT and not self._lost:
            with self._lock:
                message = self._outbox.take()
            if message is None:
                return
            qos = min(2 if message.exactly_once else 1, self._most_qos)
            sent = self._client.publish(message.topic, message.payload, qos, message.retain)
            if qos:
                self._unacknowledged[sent.mid] = message, self._clock()
            if sent.rc:
                self._lost = self._lost or paho.error_string(sent.rc).rstrip(".")

    def _watch_acknowledgements(self) -> None:
        oldest = min((at for _, at in self._unacknowledged.values()), default=self._clock())
        if self._clock() - oldest > self._timing.patience:
            self._lost = self._lost or f"it acknowledged nothing for {self._timing.patience:.0f} s"

    def _may_go(self) -> bool:
        if self._stop_at is None:
            return False
        return not self._up or not self.waiting or self._clock() > self._stop_at

    def _leave(self) -> None:
        """End the connection: politely where nothing went wrong, so that the last will stays unread."""
        if self._up and (self._aside or not self._lost):
            self._client.disconnect(properties=self._last_words())
            with contextlib.suppress(OSError, ValueError):
                self._serve(0)
        elif (sock := self._client.socket()) is not None:
            with contextlib.suppress(OSError):
                sock.close()
        if self._up and not self._knows_no_5:
            self._next_protocol = MQTTProtocolVersion.MQTTv5
        self._up = False
        with self._lock:
            self._outbox.connected(False)

    def _last_words(self) -> Properties | None:
        """At the very end the broker may forget us; before that it shall remember."""
        if self._protocol != MQTTProtocolVersion.MQTTv5 or self._stop_at is None:
            return None
        properties = Properties(PacketTypes.DISCONNECT)  # type: ignore[no-untyped-call]  # paho's own gap
        properties.SessionExpiryInterval = 0
        return properties

    def _wait_for_next(self) -> None:
        longest = self._timing.longest_delay
        delay = longest if self._aside else min(longest, self._timing.first_delay * 2**self._attempts)
        delay *= 1 - self._chance() / 2
        self._attempts = min(self._attempts + 1, 16)
        where = f"{self._access.host}:{self._access.port}"
        if self._aside:
            log.error("MQTT: %s. Next look in %.1f s.", self._aside, delay)
        else:
            log.warning("MQTT: no connection to %s: %s. Next attempt in %.1f s.", where, self._lost, delay)
        self._aside = ""
        until = self._clock() + delay
        while self._stop_at is None and (left := until - self._clock()) > 0:
            self._beat = self._clock()
            readable, _, _ = select.select([self._ear], [], [], min(left, 5))
            if readable:
                with contextlib.suppress(BlockingIOError):
                    self._ear.recv(4096)

    def _make_client(self) -> paho.Client:
        modern = self._protocol == MQTTProtocolVersion.MQTTv5
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            self._client_id,
            protocol=self._protocol,
            clean_session=None if modern else True,
            reconnect_on_failure=False,
        )
        client.connect_timeout = self._timing.patience
        client.max_inflight_messages_set(IN_FLIGHT)
        client.max_queued_messages_set(2 * IN_FLIGHT)
        if self._access.username:
            client.username_pw_set(self._access.username, self._access.password or None)
        if self._access.tls is not None:
            client.tls_set_context(self._access.tls)
        if self._will is not None:
            client.will_set(self._will.topic, self._will.payload, 1, self._will.retain)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        client.on_subscribe = self._on_subscribe
        properties = None
        if modern:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho's own gap
            properties.SessionExpiryInterval = _SESSION
            properties.MaximumPacketSize = 4 * LARGEST
        client.connect_async(self._access.host, self._access.port, self._timing.keepalive, properties=properties)
        return client

    # paho's callbacks. None of them raises: an exception would end up in the middle of paho.

    def _on_connect(
        self,
        _client: paho.Client,
        _data: object,
        flags: paho.ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            self._refuse(reason.getName())
            return
        log.info("MQTT: connected to %s:%d.", self._access.host, self._access.port)
        self.refused = ""
        self._attempts = 0
        self._most_qos = getattr(properties, "MaximumQoS", 2)
        self._up = True
        with self._lock:
            self._settle_unacknowledged(flags.session_present)
            self._outbox.connected(True)
        self._subscribe()
        self._guarded(self._listener.connected)

    def _refuse(self, reason: str) -> None:
        if reason == "Unsupported protocol version" and self._protocol == MQTTProtocolVersion.MQTTv5:
            self._knows_no_5 = True
            self._next_protocol = MQTTProtocolVersion.MQTTv311
            self._lost = "it does not know MQTT 5, so MQTT 3.1.1 is next"
            return
        self.refused = f"it refused us: {reason}. Check mqtt.username and mqtt.password_file"
        self._lost = self.refused

    def _change_protocol(self) -> None:
        self._protocol = self._next_protocol
        with self._lock:
            self._settle_unacknowledged(session_present=False)
        self._client = self._make_client()

    def _settle_unacknowledged(self, session_present: bool) -> None:
        """Where the broker remembers us paho ends what it began; else it is said anew, unless newer words wait."""
        if session_present:
            now = self._clock()
            self._unacknowledged = {mid: (message, now) for mid, (message, _) in self._unacknowledged.items()}
            return
        self._client.drop_out_messages()
        for message, _ in reversed(self._unacknowledged.values()):
            self._outbox.put_back(message)
        self._unacknowledged.clear()

    def _subscribe(self) -> None:
        modern = self._protocol == MQTTProtocolVersion.MQTTv5
        for start in range(0, len(self._filters), _FILTERS_AT_ONCE):
            some = self._filters[start : start + _FILTERS_AT_ONCE]
            if modern:
                self._client.subscribe(
                    [(f.pattern, SubscribeOptions(f.qos, retainAsPublished=f.as_published)) for f in some]
                )
            else:
                self._client.subscribe([(f.pattern, f.qos) for f in some])

    def _on_subscribe(
        self, _client: paho.Client, _data: object, _mid: int, reasons: list[ReasonCode], _properties: Properties | None
    ) -> None:
        if refused := [reason.getName() for reason in reasons if reason.is_failure]:
            self._tell_unwanted(f"the broker lets us not hear all that we should: {refused[0]}")

    def _on_publish(
        self, _client: paho.Client, _data: object, mid: int, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        message, _ = self._unacknowledged.pop(mid, (None, 0.0))
        if message is not None and reason.is_failure:
            self._tell_unwanted(f"the broker does not take {message.topic}: {reason.getName()}")

    def _tell_unwanted(self, what: str) -> None:
        """Once a sentence: a broker's access rules refuse the same again and again."""
        if what not in self._told_unwanted and len(self._told_unwanted) < 100:
            self._told_unwanted.add(what)
            log.error("MQTT: %s. Allow this user the topics mien/# and homeassistant/#.", what)

    def _on_message(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            log.warning("MQTT: a message under a topic that is no text is ignored.")
            return
        self._guarded(lambda: self._listener.heard(Received(topic, bytes(message.payload), bool(message.retain))))

    def _on_disconnect(
        self,
        _client: paho.Client,
        _data: object,
        _flags: paho.DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if not self._up and not self._lost:
            # some old brokers know no other way to say that they do not know MQTT 5: try the other one next
            modern = self._protocol == MQTTProtocolVersion.MQTTv5
            self._next_protocol = MQTTProtocolVersion.MQTTv311 if modern else MQTTProtocolVersion.MQTTv5
            self._lost = "it closed the connection before it answered"
        self._lost = self._lost or f"the connection ended: {reason.getName()}"

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception:  # a bug in a listener must not take the connection with it
            log.exception("MQTT: unexpected")


def _in_words(error: OSError | ValueError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not to be trusted ({error.verify_message}); if it is your own, set mqtt.ca_file"
    if isinstance(error, ssl.SSLError):
        return f"no TLS with it ({error.reason or error}); check mqtt.tls and mqtt.port"
    if isinstance(error, socket.gaierror):
        return "its name is not known; check mqtt.host and the network"
    return str(getattr(error, "strerror", None) or error or type(error).__name__)
