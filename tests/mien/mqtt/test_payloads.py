"""Payloads: moods survive JSON, anything else is refused, and the schema matches."""

from __future__ import annotations

import contextlib
import json
from importlib.resources import files
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.events import Mood
from mien.expression import LABELS, Expression
from mien.mqtt import payloads
from mien.mqtt.topics import TOPIC_NAMES
from tests.mien.mqtt.conftest import state_payload


@st.composite
def moods(draw: st.DrawFn) -> Mood:
    weights = draw(st.lists(st.floats(1e-6, 1), min_size=7, max_size=7))
    shares = tuple(weight / sum(weights) for weight in weights)
    best = max(range(7), key=shares.__getitem__)
    return Mood(Expression(best), min(1.0, shares[best]), shares, draw(st.floats(0, 1e9)))


@given(moods())
def test_a_mood_survives_json(mood: Mood) -> None:
    """A mood that is encoded and decoded is unchanged, to the last bit."""
    sent = payloads.encode(payloads.to_state(mood, faces=1, since="2026-01-01T00:00:00Z", run="r", seq=3))
    assert payloads.to_mood(payloads.decode(sent, payloads.StatePayload)) == mood
    event = payloads.decode(
        payloads.encode(payloads.to_event(payloads.decode(sent, payloads.StatePayload))), payloads.EventPayload
    )
    assert payloads.to_mood(event) == mood
    assert event.event_type == LABELS[mood.expression or 0]


def test_no_face_survives_json() -> None:
    """A mood without a face is encoded as null, and its event as "absent"."""
    sent = payloads.to_state(Mood(None, 0.0, (), 7.5), faces=0, since="2026-01-01T00:00:00Z", run="r", seq=1)
    assert (sent.expression, sent.valence, payloads.to_event(sent).event_type) == (None, None, "absent")
    assert payloads.to_mood(payloads.decode(payloads.encode(sent), payloads.StatePayload)) == Mood(None, 0.0, (), 7.5)


@given(
    st.binary(max_size=300)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ).map(lambda value: json.dumps(value).encode())
)
def test_hostile_payloads_are_refused(payload: bytes) -> None:
    """Any bytes give a payload or PayloadError."""
    for kind in payloads.BY_TOPIC.values():
        with contextlib.suppress(payloads.PayloadError):
            payloads.decode(payload, kind)


@pytest.mark.parametrize(
    "change",
    [
        {"confidence": 1.5},
        {"version": 2},
        {"expression": "bored"},
        {"probabilities": {"happy": 0.5, "sad": 0.5}},
        {"probabilities": dict.fromkeys(LABELS, 1.0)},
        {"seq": -1},
        {"since": "yesterday"},
        {"faces": "one"},
        {"run": "x" * 20_000},
    ],
)
def test_wrong_states_are_refused(change: dict[str, Any]) -> None:
    """A state with one wrong field raises PayloadError."""
    sent = json.loads(payloads.encode(state_payload(1))) | change
    with pytest.raises(payloads.PayloadError):
        payloads.to_mood(payloads.decode(json.dumps(sent).encode(), payloads.StatePayload))


def test_deep_json_is_refused() -> None:
    """A payload that is nested too deep raises PayloadError, not RecursionError."""
    with pytest.raises(payloads.PayloadError):
        payloads.decode(b"[" * 16000, payloads.StatePayload)


def test_schema_in_the_package_is_current() -> None:
    """schema.json equals payloads.schema(), and is a valid JSON Schema that names every topic."""
    shipped = json.loads((files("mien") / "mqtt" / "schema.json").read_text(encoding="utf-8"))
    assert shipped == payloads.schema()
    jsonschema.Draft202012Validator.check_schema(shipped)
    assert set(shipped["topics"]) == {*TOPIC_NAMES, "hello"}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"version": 1}, {"$ref": "#/topics/state", **shipped})
