"""The merging rules of the outbox."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mien.mqtt.outbox import PENDING_EVENTS, Message, Outbox


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
