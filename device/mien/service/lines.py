"""Events as lines: JSON for programs, words for people."""

from __future__ import annotations

import json
import sys
from typing import TextIO

from mien.events import CameraEvent, Event, probabilities_by_label


class JsonLines:
    """One JSON object a line: event, at, and for moods expression, confidence, valence, arousal, probabilities."""

    def __init__(self, file: TextIO | None = None) -> None:
        self._file = file or sys.stdout

    def handle(self, event: Event) -> None:
        """Write the event and hand it on at once: readers wait for lines, not for buffers."""
        print(json.dumps(as_object(event)), file=self._file, flush=True)

    def alive(self) -> bool:
        """Always: it has nothing that could die."""
        return True


class TextLines:
    """One readable line an event."""

    def __init__(self, file: TextIO | None = None) -> None:
        self._file = file or sys.stdout

    def handle(self, event: Event) -> None:
        """Write the event in words."""
        print(f"{event.at:7.1f} s  {in_words(event)}", file=self._file, flush=True)

    def alive(self) -> bool:
        """Always: it has nothing that could die."""
        return True


def as_object(event: Event) -> dict[str, object]:
    """The event with the fields of `mien run --json`."""
    if isinstance(event, CameraEvent):
        return {"event": "camera", "at": round(event.at, 3), "state": event.state, "detail": event.detail}
    return {
        "event": "absent" if event.expression is None else "mood",
        "at": round(event.at, 3),
        "expression": None if event.expression is None else event.expression.label,
        "confidence": round(event.confidence, 4),
        "valence": round(event.valence, 4),
        "arousal": round(event.arousal, 4),
        "probabilities": probabilities_by_label(event.probabilities),
    }


def in_words(event: Event) -> str:
    """The event as a short phrase."""
    if isinstance(event, CameraEvent):
        return f"camera {event.state}: {event.detail}" if event.detail else f"camera {event.state}"
    if event.expression is None:
        return "nobody is there"
    return f"mood {event.expression.label} ({event.confidence:.0%})"
