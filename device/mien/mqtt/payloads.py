"""The payload of each topic: JSON with a version, validated when it is received."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from mien.config import Intent, Profile
from mien.controls import LearningState
from mien.events import Mood
from mien.expression import LABELS, Expression, Label

EventType = Literal[Label, "absent"]

Version = Annotated[
    Literal[1], Meta(description="version of this payload's format; increased when old clients would misread it")
]
Share = Annotated[float, Meta(ge=0, le=1)]
Place = Annotated[float, Meta(ge=-1, le=1)]
Text = Annotated[str, Meta(max_length=500)]
Instant = Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$", description="UTC, by the node's clock")]
Number = Annotated[int, Meta(ge=0)]

MAX_PAYLOAD = 16384
"""Bytes; a longer payload on one of mien's topics is refused."""


class StatePayload(msgspec.Struct, frozen=True, kw_only=True):
    """mien/NODE/state: the current mood. With no face in view, expression is null and probabilities are empty."""

    version: Version = 1
    expression: Label | None
    confidence: Share
    probabilities: dict[Label, Share]
    valence: Place | None
    arousal: Place | None
    faces: Number
    since: Annotated[Instant, Meta(description="when this mood began")]
    at: Annotated[float, Meta(description="when this mood began, in seconds on the node's steady clock")]
    run: Annotated[Text, Meta(description="identifies one run of the daemon; seq starts again from 0 with each run")]
    seq: Annotated[
        Number, Meta(description="number of mood changes in this run so far; a gap means that changes were merged")
    ]


class EventPayload(StatePayload, frozen=True, kw_only=True):
    """mien/NODE/event: one message for each mood change, never retained."""

    event_type: EventType


class CameraPayload(msgspec.Struct, frozen=True, kw_only=True):
    """mien/NODE/camera: the state of the camera. The mood is current only while it is open."""

    version: Version = 1
    state: Literal["starting", "open", "fault", "paused", "ended"]
    detail: Text = ""


class DiagPayload(msgspec.Struct, frozen=True, kw_only=True):
    """mien/NODE/diag: diagnostics of the machine. A value that is not available is null."""

    version: Version = 1
    software: Text
    soc_temperature: Annotated[float, Meta(description="degrees Celsius")] | None
    inference_ms: Annotated[float, Meta(ge=0)] | None
    fps: Annotated[float, Meta(ge=0)] | None
    uptime: Annotated[int, Meta(ge=0, description="seconds")]
    low_quality: Annotated[
        dict[str, Number],
        Meta(description="number of readings with a reduced weight, or dropped, since the start, by reason"),
    ] = {}
    music: Annotated[Text, Meta(description="status of the music output; null where there is none")] | None = None


class SettingsPayload(msgspec.Struct, frozen=True, kw_only=True):
    """mien/NODE/settings: the values that commands can set."""

    version: Version = 1
    detection: bool
    threshold: Share
    profile: Profile


class MusicPayload(msgspec.Struct, frozen=True, kw_only=True):
    """mien/NODE/music: status of the music output. mood: the one set by hand, or auto."""

    version: Version = 1
    on: bool
    intent: Intent
    mood: Label | Literal["auto"] = "auto"
    playing: Text = ""
    why: Text = ""
    state: Text = ""


class LearningPayload(msgspec.Struct, frozen=True, kw_only=True):
    """mien/NODE/learning: learning a face."""

    version: Version = 1
    state: Annotated[LearningState, Meta(description="the expression to show now, or how the latest learning ended")]
    person: Text = ""
    detail: Annotated[Text, Meta(description="what it gained, or why nothing was kept")] = ""


class InstancePayload(msgspec.Struct, frozen=True, kw_only=True):
    """mien/NODE/instance: the machine that publishes as this node, so that two of them can be distinguished."""

    version: Version = 1
    id: Text
    host: Text
    since: float


class HelloPayload(InstancePayload, frozen=True, kw_only=True):
    """mien/NODE/hello: a machine claims the name. When its own hello comes back, so has everything retained."""

    ask: Annotated[Number, Meta(description="number of the claim, so that an earlier hello is not taken for it")]


BY_TOPIC: Mapping[str, type[msgspec.Struct]] = {
    "state": StatePayload,
    "event": EventPayload,
    "camera": CameraPayload,
    "diag": DiagPayload,
    "settings": SettingsPayload,
    "music": MusicPayload,
    "learning": LearningPayload,
    "instance": InstancePayload,
    "hello": HelloPayload,
}
"""The payload of each topic. That of availability is online or offline, as Home Assistant expects."""


class PayloadError(ValueError):
    """A payload that does not fit its topic. The message is the reason."""


Payload = TypeVar("Payload", bound=msgspec.Struct)


def decode(payload: bytes, kind: type[Payload]) -> Payload:
    """Return a received payload, validated. Raises PayloadError."""
    if len(payload) > MAX_PAYLOAD:
        raise PayloadError(f"{len(payload)} bytes are more than {MAX_PAYLOAD}")
    try:
        return msgspec.json.decode(payload, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise PayloadError(str(error)) from None


def encode(payload: msgspec.Struct) -> bytes:
    """Return a payload as JSON."""
    return msgspec.json.encode(payload)


def to_state(mood: Mood | None, *, faces: int, since: str, run: str, seq: int) -> StatePayload:
    """Return the payload of a mood; None, for no known mood, gives the one of no face."""
    has_face = mood is not None and mood.expression is not None
    return StatePayload(
        expression=LABELS[mood.expression] if mood is not None and mood.expression is not None else None,
        confidence=mood.confidence if mood is not None else 0.0,
        probabilities=dict(zip(LABELS, mood.probabilities, strict=False)) if mood is not None else {},
        valence=mood.valence if mood is not None and has_face else None,
        arousal=mood.arousal if mood is not None and has_face else None,
        faces=faces,
        since=since,
        at=mood.at if mood is not None else 0.0,
        run=run,
        seq=seq,
    )


def to_event(state: StatePayload) -> EventPayload:
    """Return the event with which this state begins."""
    fields = msgspec.structs.asdict(state)
    return EventPayload(**fields, event_type=state.expression or "absent")


def to_mood(state: StatePayload) -> Mood:
    """Return the mood that was sent, unchanged. Raises PayloadError where its probabilities are not valid."""
    if state.expression is None:
        return Mood(None, 0.0, (), state.at)
    if set(state.probabilities) != set(LABELS) or abs(sum(state.probabilities.values()) - 1) > 0.01:
        raise PayloadError("the probabilities are not those of the seven expressions")
    probabilities = tuple(state.probabilities[label] for label in LABELS)
    return Mood(Expression.from_label(state.expression), state.confidence, probabilities, state.at)


def schema() -> dict[str, Any]:
    """Return the JSON Schema of every payload: `$defs` by the name of its struct, `topics` from topic to definition."""
    kinds = list(dict.fromkeys(BY_TOPIC.values()))
    _, definitions = msgspec.json.schema_components(kinds, ref_template="#/$defs/{name}")
    definitions["Availability"] = {"enum": ["online", "offline"]}
    topics = {name: {"$ref": f"#/$defs/{kind.__name__}"} for name, kind in BY_TOPIC.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Payloads that mien publishes over MQTT, under mien/NODE/",
        "topics": topics | {"availability": {"$ref": "#/$defs/Availability"}},
        "$defs": dict(sorted(definitions.items())),
    }
