"""The merging rules of the outbox."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mien.mqtt.outbox import IN_FLIGHT, PENDING_EVENTS, Delivery, Message, Outbox


def event_message(number: int) -> Message:
    return Message("e", str(number).encode())


def test_outbox_keeps_every_event_while_connected_and_the_latest_of_an_outage() -> None:
    """Check the merging rules of docs/mqtt.md."""
    outbox = Outbox()
    outbox.set_connected(True)
    for number in range(3):
        outbox.put(event_message(number))
    assert [outbox.take(), outbox.take()] == [event_message(0), event_message(1)]
    outbox.set_connected(False)
    for number in range(3, 10):
        outbox.put(event_message(number))
    outbox.put(Message("s", b"1", retain=True))
    assert [outbox.take(), outbox.take()] == [event_message(9), None]


def test_outbox_puts_back_only_what_nothing_newer_replaces() -> None:
    """A message that the broker may not have received is sent again, unless a later one of its topic waits."""
    outbox = Outbox()
    outbox.put_back(event_message(1))
    assert outbox.take() == event_message(1)
    outbox.put(event_message(2))
    outbox.put_back(event_message(1))
    assert [outbox.take(), outbox.take()] == [event_message(2), None]


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans(), st.sampled_from(["put", "back", "up", "down", "take"]))))
def test_outbox_is_bounded(steps: list[tuple[int, bool, str]]) -> None:
    """At most one message of each retained topic waits, and PENDING_EVENTS others."""
    outbox = Outbox()
    for number, retain, step in steps * 20:
        message = Message(f"t/{number}", b"", retain)
        if step == "put":
            outbox.put(message)
        elif step == "back":
            outbox.put_back(message)
        elif step == "take":
            outbox.take()
        else:
            outbox.set_connected(step == "up")
        assert len(outbox) <= 10 + PENDING_EVENTS


def connected_delivery(now: list[float]) -> Delivery:
    delivery = Delivery(lambda: now[0])
    delivery.connected(session_present=False)
    return delivery


def test_delivery_limits_unacknowledged_messages() -> None:
    """At most IN_FLIGHT messages are sent without an acknowledgement; each one makes room for another."""
    delivery = connected_delivery([0.0])
    for number in range(IN_FLIGHT + 2):
        delivery.put(event_message(number))
    for number in range(IN_FLIGHT):
        assert delivery.take() == event_message(number)
        delivery.sent(number, event_message(number))
    assert delivery.take() is None
    assert delivery.acknowledged(3) == event_message(3)
    assert delivery.acknowledged(3) is None
    assert delivery.take() == event_message(IN_FLIGHT)
    assert len(delivery) == IN_FLIGHT


def test_delivery_measures_the_longest_wait() -> None:
    """The wait for an acknowledgement begins when a message is sent, and again with a session that was kept."""
    now = [0.0]
    delivery = connected_delivery(now)
    assert delivery.longest_wait() == 0
    delivery.sent(1, event_message(1))
    now[0] = 3.0
    delivery.sent(2, event_message(2))
    assert delivery.longest_wait() == 3.0
    delivery.disconnected()
    delivery.connected(session_present=True)
    assert delivery.longest_wait() == 0
    assert delivery.acknowledged(1) == event_message(1)


def test_delivery_without_a_session_sends_again() -> None:
    """Messages whose delivery cannot be completed are sent again, unless they are retained or a later one waits."""
    delivery = connected_delivery([0.0])
    delivery.sent(1, event_message(1))
    delivery.sent(2, Message("s", b"1", retain=True))
    delivery.disconnected()
    delivery.connected(session_present=False)
    assert [delivery.take(), delivery.take()] == [event_message(1), None]
    delivery.sent(1, event_message(1))
    delivery.put(event_message(2))
    delivery.session_lost()
    assert [delivery.take(), delivery.take(), len(delivery)] == [event_message(2), None, 0]
