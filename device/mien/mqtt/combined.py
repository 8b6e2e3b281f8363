"""The moods of several nodes: each node's changes, and the one mood to play to. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mien.events import Mood
from mien.mqtt import payloads
from mien.mqtt.payloads import CameraPayload, EventPayload, PayloadError, StatePayload
from mien.text import printable


@dataclass(frozen=True, slots=True)
class MoodChange:
    """A change of a node's mood. mood: None if it is unknown from now on; reason: why it is unknown."""

    node: str
    mood: Mood | None
    reason: str = ""


@dataclass(slots=True)
class _NodeStatus:
    """What a node has published. reported: the mood of the latest MoodChange; None if there is none, or it ended."""

    run: str = ""
    seq: int = -1
    mood: Mood | None = None
    online: bool = False
    camera: CameraPayload | None = None
    reported: Mood | None = None

    @property
    def is_current(self) -> bool:
        """Whether the node's mood holds now: it is online and its camera delivers frames."""
        return self.online and self.camera is not None and self.camera.state == "open"


class NodeTracker:
    """Follows the messages of nodes, and returns each mood change once, whether its event or its state comes first."""

    def __init__(self, names: list[str]) -> None:
        self._nodes = {name: _NodeStatus() for name in names}
        self.merged = 0
        """The number of changes that were merged into later ones on their way."""

    def on_message(self, node: str, name: str, payload: bytes) -> list[MoodChange]:
        """Handle a message on mien/NODE/NAME. Raises PayloadError, and then nothing has changed."""
        status = self._nodes.get(node)
        if status is None or not payload:
            return []
        if name == "state":
            return self._on_state(node, status, payloads.decode(payload, StatePayload))
        if name == "event":
            event = payloads.decode(payload, EventPayload)
            # an event may be overtaken by a fault of the camera; the state that follows holds either way
            return self._on_state(node, status, event) if status.is_current else []
        if name == "availability":
            if payload not in (b"online", b"offline"):
                raise PayloadError("it is neither online nor offline")
            status.online = payload == b"online"
        elif name == "camera":
            status.camera = payloads.decode(payload, CameraPayload)
        return self._on_currency(node, status)

    def _on_state(self, node: str, status: _NodeStatus, state: StatePayload) -> list[MoodChange]:
        mood = payloads.to_mood(state)
        if state.run == status.run and state.seq <= status.seq:
            return []
        if state.seq == 0:  # a run without a mood yet
            status.run, status.seq, status.mood = state.run, 0, None
            return []
        if state.run == status.run and status.seq >= 0:
            self.merged += state.seq - status.seq - 1
        status.run, status.seq, status.mood = state.run, state.seq, mood
        if not status.is_current:
            return []
        status.reported = mood
        return [MoodChange(node, mood)]

    def _on_currency(self, node: str, status: _NodeStatus) -> list[MoodChange]:
        """Handle that a node's mood may hold again, or no longer."""
        if status.is_current:
            if status.reported is None and status.mood is not None:
                status.reported = status.mood
                return [MoodChange(node, status.mood)]
            return []
        if status.reported is None:
            return []
        status.reported = None
        if status.camera is not None and status.camera.state != "open":
            status.mood = None  # a mood from before a fault does not hold after it
            detail = printable(status.camera.detail, limit=500)  # it may be printed on a terminal
            return [MoodChange(node, None, f"its camera: {status.camera.state} {detail}".rstrip())]
        return [MoodChange(node, None, "it is offline")]


class CombinedMood:
    """The mood to play to: the latest of all nodes that have a face in view; no face if none has."""

    def __init__(self) -> None:
        self._moods: dict[str, Mood] = {}
        self._last: Mood | None = None

    def update(self, change: MoodChange, at: float) -> Mood | None:
        """Return the combined mood if this change alters it, else None.

        at: seconds on the receiver's steady clock, which become the mood's.
        """
        self._moods.pop(change.node, None)
        if change.mood is not None and change.mood.expression is not None:
            self._moods[change.node] = change.mood
        latest = next(reversed(self._moods.values()), Mood(None, 0.0, (), 0.0))
        combined = replace(latest, at=at)
        if self._last is not None and combined == replace(self._last, at=at):
            return None
        self._last = combined
        return combined
