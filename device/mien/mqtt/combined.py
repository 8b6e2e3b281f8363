"""Moods of several nodes, as rooms and as one house. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mien.events import Mood
from mien.mqtt import payloads
from mien.mqtt.payloads import PayloadError, StatePayload


@dataclass(frozen=True, slots=True)
class MoodChange:
    """A node's mood has changed. mood: None when it is no longer known, and then why says the reason."""

    node: str
    mood: Mood | None
    why: str = ""


@dataclass(slots=True)
class _Node:
    run: str = ""
    seq: int = -1
    mood: Mood | None = None
    online: bool = False
    camera: payloads.CameraPayload | None = None
    known: Mood | None = None


class NodeTracker:
    """Follows nodes by what they say. Each mood change comes out once, whether its event or its state is first."""

    def __init__(self, names: list[str]) -> None:
        self._nodes = {name: _Node() for name in names}
        self.merged = 0
        """Changes that never came by themselves, for a later one stood for them."""

    def hear(self, node: str, name: str, payload: bytes) -> list[MoodChange]:
        """Take in what a node said under mien/NODE/NAME. Raises PayloadError, and then nothing has changed."""
        known = self._nodes.get(node)
        if known is None or not payload:
            return []
        if name in ("state", "event"):
            kind = payloads.EventPayload if name == "event" else StatePayload
            state = payloads.read(payload, kind)
            # an event may overtake a fault of the camera; the state that follows tells the truth
            return self._mood(node, known, state) if name == "state" or self._looks(known) else []
        if name == "availability":
            if payload not in (b"online", b"offline"):
                raise PayloadError("it is neither online nor offline")
            known.online = payload == b"online"
        elif name == "camera":
            known.camera = payloads.read(payload, payloads.CameraPayload)
        return self._lost_or_found(node, known)

    def _mood(self, node: str, known: _Node, state: StatePayload) -> list[MoodChange]:
        mood = payloads.mood_of(state)
        if state.run == known.run and state.seq <= known.seq:
            return []
        if state.seq == 0:  # a run that has seen nothing yet
            known.run, known.seq, known.mood = state.run, 0, None
            return []
        if state.run == known.run and known.seq >= 0:
            self.merged += state.seq - known.seq - 1
        known.run, known.seq, known.mood = state.run, state.seq, mood
        if not self._looks(known):
            return []
        known.known = mood
        return [MoodChange(node, mood)]

    def _looks(self, known: _Node) -> bool:
        return known.online and known.camera is not None and known.camera.state == "open"

    def _lost_or_found(self, node: str, known: _Node) -> list[MoodChange]:
        if self._looks(known):
            if known.known is None and known.mood is not None:
                known.known = known.mood
                return [MoodChange(node, known.mood)]
            return []
        if known.known is None:
            return []
        known.known = None
        if known.camera is not None and known.camera.state != "open":
            known.mood = None  # what held before a fault does not hold after it
            detail = "".join(c if c.isprintable() else "?" for c in known.camera.detail)  # it may end on a terminal
            return [MoodChange(node, None, f"its camera: {known.camera.state} {detail}".rstrip())]
        return [MoodChange(node, None, "it is offline")]


class CombinedMood:
    """The mood to play to: the latest of anybody who is there. Nobody is there when no node sees anybody."""

    def __init__(self) -> None:
        self._moods: dict[str, Mood] = {}
        self._last: Mood | None = None

    def update(self, change: MoodChange, at: float) -> Mood | None:
        """The house's mood if this changes it. at: seconds on the listener's steady clock, which becomes the mood's."""
        self._moods.pop(change.node, None)
        if change.mood is not None and change.mood.expression is not None:
            self._moods[change.node] = change.mood
        latest = next(reversed(self._moods.values()), Mood(None, 0.0, (), 0.0))
        fresh = replace(latest, at=at)
        if self._last is not None and fresh == replace(self._last, at=at):
            return None
        self._last = fresh
        return fresh
