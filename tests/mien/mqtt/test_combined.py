"""Mood changes of several nodes, and the combined mood."""

from __future__ import annotations

import pytest

from mien.events import Mood
from mien.expression import Expression
from mien.mqtt import payloads
from mien.mqtt.combined import CombinedMood, MoodChange, NodeTracker
from tests.mien.mqtt.conftest import state_payload


def changes_of(nodes: NodeTracker, *messages: tuple[str, bytes]) -> list[MoodChange]:
    return [change for name, payload in messages for change in nodes.on_message("n", name, payload)]


OPEN = ("camera", payloads.encode(payloads.CameraPayload(state="open")))
FAULT = ("camera", payloads.encode(payloads.CameraPayload(state="fault", detail="cable\x1b[2J")))


def test_each_mood_change_is_returned_once() -> None:
    """State and event of one change give it once; a repeated or late message gives none."""
    nodes = NodeTracker(["n"])
    one, two = state_payload(1), state_payload(2, Expression.SAD)
    changes = changes_of(
        nodes,
        ("availability", b"online"),
        OPEN,
        ("state", payloads.encode(one)),
        ("event", payloads.encode(payloads.to_event(one))),
        ("event", payloads.encode(payloads.to_event(two))),
        ("state", payloads.encode(one)),
        ("state", payloads.encode(two)),
    )
    assert [change.mood for change in changes] == [payloads.to_mood(one), payloads.to_mood(two)]
    assert nodes.merged == 0
    assert changes_of(nodes, ("state", payloads.encode(state_payload(5))))
    assert nodes.merged == 2


def test_a_mood_that_is_not_current_is_unknown() -> None:
    """After a camera's fault or a node's end the mood is unknown; after a fault the old mood does not return."""
    nodes = NodeTracker(["n"])
    changes = changes_of(
        nodes, ("state", payloads.encode(state_payload(1))), OPEN, ("availability", b"online"), FAULT, OPEN
    )
    assert [change.mood is None for change in changes] == [False, True]
    assert "cable" in changes[1].reason
    assert changes[1].reason.isprintable()
    changes = changes_of(
        nodes, ("state", payloads.encode(state_payload(2))), ("availability", b"offline"), ("availability", b"online")
    )
    assert [change.mood is None for change in changes] == [False, True, False]


def test_an_invalid_payload_changes_nothing() -> None:
    """An invalid payload on a node's topic raises PayloadError, and the node's mood stays."""
    nodes = NodeTracker(["n"])
    changes_of(nodes, ("availability", b"online"), OPEN, ("state", payloads.encode(state_payload(1))))
    for name in ("state", "event", "camera", "availability"):
        with pytest.raises(payloads.PayloadError):
            nodes.on_message("n", name, b"\xff{nonsense")
    assert changes_of(nodes, ("state", payloads.encode(state_payload(1)))) == []


def test_combined_mood_is_the_latest_of_all_nodes_with_a_face() -> None:
    """The latest mood counts; when its face is gone, that of another node; no face when all are gone."""
    combined = CombinedMood()
    happy, sad = payloads.to_mood(state_payload(1)), payloads.to_mood(state_payload(1, Expression.SAD))
    gone = Mood(None, 0.0, (), 1.0)
    moods = [
        combined.update(MoodChange("a", happy), 1),
        combined.update(MoodChange("b", sad), 2),
        combined.update(MoodChange("b", gone), 3),
    ]
    assert [mood and mood.expression for mood in moods] == [Expression.HAPPY, Expression.SAD, Expression.HAPPY]
    last = combined.update(MoodChange("a", None, "offline"), 4)
    assert last == Mood(None, 0.0, (), 4)
    assert combined.update(MoodChange("b", None), 5) is None
