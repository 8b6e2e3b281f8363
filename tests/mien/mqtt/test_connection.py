"""The connection's thread: failing handlers, a thread that hangs, and the delays between attempts."""

from __future__ import annotations

import threading

import pytest

from mien.clock import Clock
from mien.mqtt.broker import BrokerSettings
from mien.mqtt.connection import Connection, ConnectionTiming
from mien.mqtt.outbox import Message
from mien.mqtt.paho_client import ConnectionEnd, EndKind, Received, Subscription
from tests.eventually import eventually
from tests.fakes.mosquitto import QUICK, Broker, needs_broker


class FailingHandler:
    """A handler that raises in on_connect and on_message."""

    def __init__(self) -> None:
        self.calls = 0

    def on_connect(self) -> None:
        raise RuntimeError("connected")

    def on_message(self, message: Received) -> None:
        self.calls += 1
        raise RuntimeError(message.topic)

    def on_tick(self) -> None:
        """The only method that works."""


@needs_broker
def test_a_failing_handler_does_not_end_the_thread(broker: Broker, info_log: pytest.LogCaptureFixture) -> None:
    """Exceptions of a handler are logged, and messages go on to arrive; after `stop` the thread is not alive."""
    handler = FailingHandler()
    connection = Connection(
        BrokerSettings("127.0.0.1", broker.port), "failing", handler, [Subscription("a")], timing=QUICK
    )
    assert not connection.alive()
    connection.start()
    assert eventually(lambda: connection.is_connected)
    for _ in range(2):
        connection.send(Message("a", b"x"))
    assert eventually(lambda: handler.calls == 2)
    assert connection.alive()
    assert connection.is_connected
    assert "RuntimeError" in info_log.text
    connection.stop()
    assert not connection.alive()


def test_a_thread_that_hangs_is_not_alive() -> None:
    """A thread that has not completed a round for a minute is reported as dead, for the watchdog."""
    now = [0.0]
    connection = Connection(
        BrokerSettings("127.0.0.1", 1),
        "hanging",
        FailingHandler(),
        [],
        timing=QUICK,
        clock=Clock(steady=lambda: now[0]),
    )
    released = threading.Event()
    connection._thread = threading.Thread(target=released.wait)
    connection._thread.start()
    assert connection.alive()
    now[0] = 60.0
    assert not connection.alive()
    released.set()
    connection._thread.join()
    connection.stop()


def test_delays_grow_are_capped_and_jittered(info_log: pytest.LogCaptureFixture) -> None:
    """1, 2, 4, ... up to the longest, shortened by up to half, each logged."""
    timing = ConnectionTiming(first_delay=0.1, longest_delay=0.8)
    draws = iter([0.0, 1.0] * 3)
    times = iter(range(1000))  # a second passes with each call, so no delay is waited for
    connection = Connection(
        BrokerSettings("broker.invalid", 1),
        "broker.invalid",
        FailingHandler(),
        [],
        timing=timing,
        clock=Clock(steady=lambda: float(next(times))),
        draw=lambda: next(draws),
    )
    for _ in range(6):
        connection._wait_for_next(ConnectionEnd(EndKind.LOST, "gone"))
    lines = [record.getMessage() for record in info_log.records if "broker.invalid:1" in record.getMessage()]
    assert [line.split("in ")[-1] for line in lines] == ["0.1 s.", "0.1 s.", "0.4 s.", "0.4 s.", "0.8 s.", "0.4 s."]
    connection.stop()
