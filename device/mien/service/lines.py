"""Events as lines on a stream: JSON for programs, words for people."""

from __future__ import annotations

import json
import sys
from typing import TextIO

from mien.events import CameraEvent, Event, probabilities_by_label


class JsonLines:
    """Writes one JSON object a line, with the fields of `event_to_dict`."""

    def __init__(self, file: TextIO | None = None) -> None:
        self._file = file or sys.stdout

    def handle(self, event: Event) -> None:
        """Write the event and flush: readers wait for lines, not for buffers."""
        print(json.dumps(event_to_dict(event)), file=self._file, flush=True)

    def alive(self) -> bool:
        """Return True: it has no thread that could die."""
        return True


class TextLines:
    """Writes one readable line an event."""

    def __init__(self, file: TextIO | None = None) -> None:
        self._file = file or sys.stdout

    def handle(self, event: Event) -> None:
        """Write the event with its time in seconds."""
        print(f"{event.at:7.1f} s  {format_event(event)}", file=self._file, flush=True)

    def alive(self) -> bool:
        """Return True: it has no thread that could die."""
        return True


def event_to_dict(event: Event) -> dict[str, object]:
    """Return the event with the fields of `mien run --json`."""
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


def format_event(event: Event) -> str:
    """Return the event as a short phrase."""
    if isinstance(event, CameraEvent):
        return f"camera {event.state}: {event.detail}" if event.detail else f"camera {event.state}"
    if event.expression is None:
        return "no face"
    return f"mood {event.expression.label} ({event.confidence:.0%})"
