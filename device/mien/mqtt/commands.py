"""Commands from clients: checked, executed, or refused with a reason. No I/O but the log."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from mien.config import INTENTS, PROFILES, Intent
from mien.controls import DEFAULT_PERSON, Controls
from mien.expression import LABELS
from mien.mqtt.payloads import MusicPayload, SettingsPayload
from mien.text import is_name, quoted

MOODS = ("auto", *LABELS)
THRESHOLD = (30, 99)
"""The range of the confidence threshold, percent."""

_MAX_COMMAND = 64  # bytes; no command needs more
_REFUSALS_A_MINUTE = 10

Value = bool | float | str

log = logging.getLogger(__name__)


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
    """A command that is refused. The message is the reason."""


@dataclass(frozen=True, slots=True)
class Command:
    """A checked command. name: a key of PARSERS. value: what its parser returned."""

    name: str
    value: Value


class CommandHandler:
    """Executes commands, and logs the refused ones, a few a minute at most.

    save: is called with the settings after each change, so that they outlive a restart. now: the steady clock.
    """

    def __init__(
        self,
        controls: Controls,
        music: MusicControls | None,
        save: Callable[[SettingsPayload], None],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._controls, self._music, self._save, self._now = controls, music, save, now
        self._refused_at: list[float] = []

    def handle(self, topic: str, payload: bytes, *, retained: bool) -> None:
        """Execute the command of a message, or log why it is refused."""
        try:
            command = parse(topic, payload, retained=retained)
            self._execute(command)
        except CommandError as refusal:
            self._log_refusal(topic, str(refusal))
        else:
            log.info("MQTT: %s set to %s.", command.name, command.value)

    def _execute(self, command: Command) -> None:
        music = self._music
        if command.name in ("music", "intent", "mood", "skip") and music is None:
            raise CommandError("music is not on here")
        match command.name, command.value:
            case "restart", _:
                self._controls.stop("restart")
            case "learn", str(name):
                self._controls.request_learning(name)
            case ("detection" | "threshold" | "profile") as name, value:
                setattr(self._controls, name, value)
                self._save(current_settings(self._controls))
            case "music", bool(on) if music:
                music.set_enabled(on)
            case "intent", ("match" | "lift" | "calm") as intent if music:
                music.set_intent(intent)
            case "mood", str(mood) if music:
                music.set_mood(mood)
            case "skip", _ if music:
                music.skip()

    def _log_refusal(self, topic: str, reason: str) -> None:
        """Log a refusal, unless a flood of refused commands would become a flood of log lines."""
        now = self._now()
        self._refused_at = [at for at in self._refused_at if now - at < 60] + [now]
        if len(self._refused_at) <= _REFUSALS_A_MINUTE:
            log.warning("MQTT: the command on %s is refused: %s.", quoted(topic), reason)
        elif len(self._refused_at) == _REFUSALS_A_MINUTE + 1:
            log.warning("MQTT: further refused commands are not logged for a minute.")
        del self._refused_at[:-100]


def current_settings(controls: Controls) -> SettingsPayload:
    """Return what the commands can set, as it is set now."""
    return SettingsPayload(detection=controls.detection, threshold=controls.threshold, profile=controls.profile)


def parse(topic: str, payload: bytes, *, retained: bool) -> Command:
    """Return the command of a message on mien/NODE/NAME/set. Raises CommandError."""
    name = topic.split("/")[-2] if topic.count("/") == 3 else topic
    if name not in PARSERS:
        raise CommandError(f"there is no command {quoted(name)}")
    if retained:
        raise CommandError(
            "it is retained, so it may be long outdated; publish it without retain, and clear the retained message"
        )
    if len(payload) > _MAX_COMMAND:
        raise CommandError(f"{len(payload)} bytes are too many")
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError:
        raise CommandError("it is not UTF-8 text") from None
    if not text:
        raise CommandError("it is empty")
    return Command(name, PARSERS[name](text))


def _switch(text: str) -> bool:
    return _one_of(("ON", "OFF"))(text) == "ON"


def _threshold(text: str) -> float:
    """Return a share, 0 to 1, from percent."""
    low, high = THRESHOLD
    try:
        percent = float(text) if text.isascii() and "_" not in text else math.nan
    except ValueError:
        percent = math.nan
    if not low <= percent <= high:  # false for NaN too
        raise CommandError(f"{quoted(text)} is not a number from {low} to {high}")
    return percent / 100


def _person(text: str) -> str:
    """Return a person's name; PRESS, which buttons send, is the default one."""
    if not is_name(text):
        raise CommandError(f"{quoted(text)} is not a name of 1 to 40 printable characters")
    return DEFAULT_PERSON if text == "PRESS" else text


def _one_of(choices: tuple[str, ...]) -> Callable[[str], str]:
    def check(text: str) -> str:
        if text not in choices:
            raise CommandError(f"{quoted(text)} is not one of {', '.join(choices)}")
        return text

    return check


PARSERS: Mapping[str, Callable[[str], Value]] = {
    "detection": _switch,
    "threshold": _threshold,
    "profile": _one_of(PROFILES),
    "restart": _one_of(("PRESS",)),
    "learn": _person,
    "music": _switch,
    "intent": _one_of(INTENTS),
    "mood": _one_of(MOODS),
    "skip": _one_of(("PRESS",)),
}
"""Every command, and the function that makes a value of its payload."""
