"""The connection to the broker: one thread that connects, serves, and connects again with growing delays."""

from __future__ import annotations

import contextlib
import logging
import random
import select
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from mien.backoff import Backoff
from mien.clock import Clock
from mien.mqtt.broker import BrokerSettings
from mien.mqtt.outbox import Delivery, Message
from mien.mqtt.paho_client import ConnectionEnd, EndKind, PahoClient, Received, Subscription, describe_error

_JITTER = 0.5  # share of a delay that chance may take off
_LONGEST_NAP = 5.0  # seconds between two signs of life while a delay passes

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ConnectionTiming:
    """The durations of a connection, in seconds.

    keepalive: a machine that loses power is offline after one and a half of it. timeout: how long a broker may take to
    accept a connection or to acknowledge a message. first_delay, longest_delay: between attempts, doubling, and
    shortened by up to half at random. drain_timeout: for sending the last messages.
    """

    keepalive: int = 15
    timeout: float = 10.0
    first_delay: float = 1.0
    longest_delay: float = 30.0
    drain_timeout: float = 3.0


class ConnectionHandler(Protocol):
    """The user of a connection. Every method is called on the connection's thread."""

    def on_connect(self) -> None:
        """Handle a new connection, whose subscriptions have been requested."""
        ...

    def on_message(self, message: Received) -> None:
        """Handle a message."""
        ...

    def on_tick(self) -> None:
        """Publish what is due: called while connected, every `Connection.TICK` seconds and after `Connection.wake`."""
        ...


class Wakeup:
    """A socket pair by which any thread ends another thread's `select`."""

    def __init__(self) -> None:
        self._sender, self._receiver = socket.socketpair()
        self._sender.setblocking(False)
        self._receiver.setblocking(False)

    def fileno(self) -> int:
        """Return the descriptor that is readable after `set`."""
        return self._receiver.fileno()

    def set(self) -> None:
        """End the `select`, now or when it begins."""
        with contextlib.suppress(OSError):  # a full buffer wakes as well, and a closed one need not
            self._sender.send(b"\0")

    def clear(self) -> None:
        """Make the descriptor unreadable again."""
        with contextlib.suppress(BlockingIOError):
            self._receiver.recv(4096)

    def wait(self, seconds: float) -> None:
        """Return after `set`, or after so many seconds."""
        select.select([self], [], [], seconds)
        self.clear()

    def close(self) -> None:
        """Close both sockets."""
        self._receiver.close()
        self._sender.close()


class Connection:
    """A connection that is kept up by a thread of its own, the only one that uses the network.

    It raises nothing once it is started: each failure is logged with the delay until the next attempt.
    """

    TICK = 0.25
    """Seconds between two calls of the handler's on_tick at most."""

    def __init__(
        self,
        settings: BrokerSettings,
        client_id: str,
        handler: ConnectionHandler,
        subscriptions: list[Subscription],
        *,
        will: Message | None = None,
        timing: ConnectionTiming | None = None,
        clock: Clock | None = None,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._address, self._handler = settings.address, handler
        self._timing, self._now = timing or ConnectionTiming(), (clock or Clock()).steady
        self._delivery = Delivery(self._now)
        self._client = PahoClient(
            settings,
            client_id,
            subscriptions,
            self._delivery,
            will=will,
            keepalive=self._timing.keepalive,
            timeout=self._timing.timeout,
            on_connect=self._on_connect,
            on_message=handler.on_message,
        )
        self._backoff = Backoff(self._timing.first_delay, self._timing.longest_delay, jitter=_JITTER, draw=draw)
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)
        self._wakeup = Wakeup()
        self._alive_at = self._now()
        self._stop_at: float | None = None
        self.refusal = ""
        """The broker's latest reason to refuse the login; empty after a connection that succeeded."""

    @property
    def is_connected(self) -> bool:
        """Whether the broker has accepted the connection, and it goes on."""
        return self._client.is_connected

    @property
    def pending(self) -> int:
        """The number of messages that the broker has not acknowledged."""
        return len(self._delivery)

    def start(self) -> None:
        """Start to connect; returns at once, whether there is a broker or not."""
        self._thread.start()

    def send(self, message: Message) -> None:
        """Publish a message, from any thread. While there is no connection the Outbox's rules apply."""
        self._delivery.put(message)
        self.wake()

    def wake(self) -> None:
        """Have the handler's on_tick called soon."""
        self._wakeup.set()

    def back_off(self, reason: str) -> None:
        """Drop what is pending, disconnect, and connect again after the longest delay.

        To be called on the connection's thread. reason: for the log.
        """
        self._client.finish(EndKind.BACKED_OFF, reason)
        self._delivery.clear()

    def alive(self) -> bool:
        """Return whether the thread does its work, for the watchdog. Resolving the broker's name may take a while."""
        return self._thread.is_alive() and self._now() - self._alive_at < 3 * self._timing.timeout + 30

    def stop(self) -> None:
        """Send what is pending, as far as the broker takes it within the drain timeout, disconnect, and end."""
        self._stop_at = self._now() + self._timing.drain_timeout
        self.wake()
        if self._thread.is_alive():
            self._thread.join(self._timing.drain_timeout + 2)
        if not self._thread.is_alive():
            self._wakeup.close()

    # --- everything below runs on the thread

    def _run(self) -> None:
        while self._stop_at is None:
            end = self._connect_and_serve()
            if end.kind is EndKind.REFUSED:
                self.refusal = end.reason
            self._client.close(forget_session=self._stop_at is not None)
            if self._stop_at is None:
                self._wait_for_next(end)

    def _connect_and_serve(self) -> ConnectionEnd:
        """Connect and serve the connection until it ends; return why it did."""
        try:
            self._client.connect()
            deadline = self._now() + self._timing.timeout
            while self._client.end is None:
                self._serve(deadline)
        except (OSError, ValueError) as error:
            self._client.finish(EndKind.LOST, describe_error(error))
        except Exception as error:  # a bug in a handler or in paho must not end the node for good
            log.exception("MQTT: unexpected")
            self._client.finish(EndKind.LOST, f"unexpected {type(error).__name__}")
        assert self._client.end is not None
        return self._client.end

    def _serve(self, deadline: float) -> None:
        """Do one round of the loop. deadline: for the broker to accept the connection, on the steady clock."""
        if self._may_stop():
            self._client.finish(EndKind.STOPPED)
            return
        self._alive_at = self._now()
        self._client.serve(self.TICK, self._wakeup.fileno())
        self._wakeup.clear()
        timeout = self._timing.timeout
        if self._client.is_connected:
            self._handler.on_tick()
            self._client.publish_pending()
            if self._delivery.longest_wait() > timeout:
                self._client.finish(EndKind.LOST, f"it acknowledged nothing for {timeout:.0f} s")
        elif self._alive_at > deadline:
            self._client.finish(EndKind.LOST, f"it accepted the connection and sent nothing for {timeout:.0f} s")

    def _may_stop(self) -> bool:
        if self._stop_at is None:
            return False
        return not self.is_connected or not self.pending or self._now() > self._stop_at

    def _on_connect(self) -> None:
        log.info("MQTT: connected to %s.", self._address)
        self.refusal = ""
        self._backoff.reset()
        self._handler.on_connect()

    def _wait_for_next(self, end: ConnectionEnd) -> None:
        """Log why the connection ended, and wait until the next attempt is due or `stop` is called."""
        if end.kind is EndKind.BACKED_OFF:
            longest = self._timing.longest_delay
            delay = Backoff(longest, longest, jitter=_JITTER).next_delay()
            log.error("MQTT: %s. Next attempt in %.1f s.", end.reason, delay)
        else:
            delay = self._backoff.next_delay()
            log.warning("MQTT: no connection to %s: %s. Next attempt in %.1f s.", self._address, end.reason, delay)
        until = self._now() + delay
        while self._stop_at is None and (left := until - self._now()) > 0:
            self._alive_at = self._now()
            self._wakeup.wait(min(left, _LONGEST_NAP))
