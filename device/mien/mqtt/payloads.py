"""What is said under each topic: JSON with a version, checked on its way in."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from mien.config import Intent, Profile
from mien.events import Mood
from mien.expression import LABELS, Expression, Label

EventType = Literal[Label, "absent"]

Version = Annotated[Literal[1], Meta(description="of this payload's form; it grows when old readers would misread it")]
Share = Annotated[float, Meta(ge=0, le=1)]
Place = Annotated[float, Meta(ge=-1, le=1)]
Text = Annotated[str, Meta(max_length=500)]
Instant = Annotated[
    str, Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$", description="UTC, by the clock of the node")
]
Number = Annotated[int, Meta(ge=0)]

LARGEST = 16384
"""Bytes; whoever says more on a topic of mien's is not heard."""


class StatePayload(msgspec.Struct, frozen=True, kw_only=True):
    """mien/NODE/state: the current mood. While nobody is there, expression is null and probabilities are empty."""

    version: Version = 1
    expression: Label | None
    confidence: Share
    probabilities: dict[Label, Share]
    valence: Place | None
    arousal: Place | None
    faces: Number
    since: Annotated[Instant, Meta(description="when this mood began to hold")]
    at: Annotated[float, Meta(description="the same in seconds on the node's steady clock")]
    run: Annotated[Text, Meta(description="names one run of the daemon: seq counts anew with each")]
    seq: Annotated[Number, Meta(description="mood changes of this run so far; a gap means that some were merged")]


class EventPayload(StatePayload, frozen=True, kw_only=True):
    """mien/NODE/event: one for each mood change, never retained."""

    event_type: EventType


class CameraPayload(msgspec.Struct, frozen=True, kw_only=True):
    """mien/NODE/camera: whether the moods are current."""

    version: Version = 1
    state: Literal["starting", "open", "fault", "paused", "ended"]
    detail: Text = ""


class DiagPayload(msgspec.Struct, frozen=True, kw_only=True):
    """mien/NODE/diag: how the machine is. null is what it cannot tell."""

    version: Version = 1
    software: Text
    soc_temperature: Annotated[float, Meta(description="degrees Celsius")] | None
    inference_ms: Annotated[float, Meta(ge=0)] | None
    fps: Annotated[float, Meta(ge=0)] | None
    uptime: Annotated[int, Meta(ge=0, description="seconds")]
    low_quality: Annotated[
        dict[str, Number], Meta(description="readings weighed down or dropped since the start, by reason")
    ] = {}
    music: Annotated[Text, Meta(description="how things stand with the music; null where there is none")] | None = None


class SettingsPayload(msgspec.Struct, frozen=True, kw_only=True):
    """mien/NODE/settings: what the commands have set."""

    version: Version = 1
    detection: bool
    threshold: Share
    profile: Profile


class MusicPayload(msgspec.Struct, frozen=True, kw_only=True):
    """mien/NODE/music: where music is on. mood: the one set by hand, or auto."""

    version: Version = 1
    on: bool
    intent: Intent
    mood: Label | Literal["auto"] = "auto"
    playing: Text = ""
    why: Text = ""
    state: Text = ""


class InstancePayload(msgspec.Struct, frozen=True, kw_only=True):
    """mien/NODE/instance: which machine speaks as this node, so that two can be told apart."""

    version: Version = 1
    id: Text
    host: Text
    since: float


class HelloPayload(InstancePayload, frozen=True, kw_only=True):
    """mien/NODE/hello: a machine asks for the name. Once it hears itself it has heard all that the broker keeps."""

    ask: Annotated[Number, Meta(description="counts the questions, so that an old one is no answer")]


BY_TOPIC: dict[str, type[msgspec.Struct]] = {
    "state": StatePayload,
    "event": EventPayload,
    "camera": CameraPayload,
    "diag": DiagPayload,
    "settings": SettingsPayload,
    "music": MusicPayload,
    "instance": InstancePayload,
    "hello": HelloPayload,
}
"""The payload of each topic. availability is the word online or offline, as Home Assistant wants it."""


class PayloadError(ValueError):
    """A payload that is not what its topic promises. The message says why."""


Payload = TypeVar("Payload", bound=msgspec.Struct)


def read(payload: bytes, kind: type[Payload]) -> Payload:
    """Decode and check. Raises PayloadError."""
    if len(payload) > LARGEST:
        raise PayloadError(f"{len(payload)} bytes are more than {LARGEST}")
    try:
        return msgspec.json.decode(payload, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise PayloadError(str(error)) from None


def write(payload: msgspec.Struct) -> bytes:
    """As JSON."""
    return msgspec.json.encode(payload)


def state_of(mood: Mood | None, *, faces: int, since: str, run: str, seq: int) -> StatePayload:
    """A mood as it travels; None (no mood is known) reads as nobody there."""
    there = mood is not None and mood.expression is not None
    return StatePayload(
        expression=LABELS[mood.expression] if mood is not None and mood.expression is not None else None,
        confidence=mood.confidence if mood is not None else 0.0,
        probabilities=dict(zip(LABELS, mood.probabilities, strict=False)) if mood is not None else {},
        valence=mood.valence if mood is not None and there else None,
        arousal=mood.arousal if mood is not None and there else None,
        faces=faces,
        since=since,
        at=mood.at if mood is not None else 0.0,
        run=run,
        seq=seq,
    )


def event_of(state: StatePayload) -> EventPayload:
    """The event that says that this state has begun."""
    fields = msgspec.structs.asdict(state)
    return EventPayload(**fields, event_type=state.expression or "absent")


def mood_of(state: StatePayload) -> Mood:
    """The mood that was sent, unchanged. Raises PayloadError where its probabilities are none."""
    if state.expression is None:
        return Mood(None, 0.0, (), state.at)
    if set(state.probabilities) != set(LABELS) or abs(sum(state.probabilities.values()) - 1) > 0.01:
        raise PayloadError("the probabilities are not those of the seven expressions")
    probabilities = tuple(state.probabilities[label] for label in LABELS)
    return Mood(Expression.from_label(state.expression), state.confidence, probabilities, state.at)


def schema() -> dict[str, Any]:
    """The JSON Schema of every payload: `$defs` by the name of its struct, `topics` from topic to definition."""
    kinds = list(dict.fromkeys(BY_TOPIC.values()))
    _, definitions = msgspec.json.schema_components(kinds, ref_template="#/$defs/{name}")
    definitions["Availability"] = {"enum": ["online", "offline"]}
    topics = {name: {"$ref": f"#/$defs/{kind.__name__}"} for name, kind in BY_TOPIC.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "What mien says over MQTT, under mien/NODE/",
        "topics": topics | {"availability": {"$ref": "#/$defs/Availability"}},
        "$defs": dict(sorted(definitions.items())),
    }
