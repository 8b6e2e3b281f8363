"""Commands from the house. Pure: a topic and bytes in, one checked command or the reason for its refusal out."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from mien.config import INTENTS, PROFILES, Intent
from mien.expression import LABELS
from mien.mqtt.payloads import MusicPayload

MOODS = ("auto", *LABELS)
THRESHOLD = (30, 99)
"""Percent."""

LARGEST = 64
"""Bytes of a command; none needs more."""

Value = bool | float | str


class MusicControls(Protocol):
    """The music output's controls. They are used on the MQTT thread and return at once."""

    def status(self) -> MusicPayload:
        """Return the settings and the current song."""
        ...

    def set_enabled(self, on: bool) -> None:
        """Turn playing to moods on or off."""
        ...

    def set_intent(self, intent: Intent) -> None:
        """Set how the music relates to the mood: match, lift or calm."""
        ...

    def set_mood(self, mood: str) -> None:
        """Set a label to play to whatever the camera detects, or auto."""
        ...

    def skip(self) -> None:
        """Play the next song."""
        ...


class CommandError(ValueError):
    """A command that is not carried out. The message says why."""


@dataclass(frozen=True, slots=True)
class Command:
    """What to do: name is the key of PARSERS, value what its parser gives."""

    name: str
    value: Value


def parse(topic: str, payload: bytes, *, retained: bool) -> Command:
    """The command of a message on mien/NODE/NAME/set. Raises CommandError."""
    name = topic.split("/")[-2] if topic.count("/") == 3 else topic
    if name not in PARSERS:
        raise CommandError(f"there is no command {shown(name)}")
    if retained:
        raise CommandError("it is retained, so nobody may mean it now; publish it without retain, and clear this one")
    if len(payload) > LARGEST:
        raise CommandError(f"{len(payload)} bytes are too many")
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError:
        raise CommandError("it is not UTF-8 text") from None
    if not text:
        raise CommandError("it is empty")
    return Command(name, PARSERS[name](text))


def shown(text: str) -> str:
    """Foreign text as it may stand in a log: short, printable, on one line."""
    return ascii(text if len(text) <= 40 else text[:40] + "...")


def _switch(text: str) -> bool:
    return _one_of(("ON", "OFF"))(text) == "ON"


def _threshold(text: str) -> float:
    """A share, from percent."""
    low, high = THRESHOLD
    try:
        percent = float(text) if text.isascii() and "_" not in text else math.nan
    except ValueError:
        percent = math.nan
    if not low <= percent <= high:  # false for NaN too
        raise CommandError(f"{shown(text)} is not a number from {low} to {high}")
    return percent / 100


def _one_of(words: tuple[str, ...]) -> Callable[[str], str]:
    def check(text: str) -> str:
        if text not in words:
            raise CommandError(f"{shown(text)} is none of {', '.join(words)}")
        return text

    return check


PARSERS: dict[str, Callable[[str], Value]] = {
    "detection": _switch,
    "threshold": _threshold,
    "profile": _one_of(PROFILES),
    "restart": _one_of(("PRESS",)),
    "music": _switch,
    "intent": _one_of(INTENTS),
    "mood": _one_of(MOODS),
    "skip": _one_of(("PRESS",)),
}
"""Every command, and what makes a value of its payload."""
