"""Control the music over MQTT: an output between the moods and the music output."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from mien.events import Event, Mood, one_hot
from mien.expression import Expression
from mien.mqtt.payloads import MusicPayload

if TYPE_CHECKING:  # Spotify is loaded only where music is enabled
    from mien.config import Intent
    from mien.service.music_output import MusicOutput


class MusicController:
    """Passes moods on to the music output, with controls for MQTT clients (mqtt's protocol MusicControls).

    A mood that a client set holds whatever the camera detects, until it is set to auto; then the camera's latest mood
    counts again.
    """

    def __init__(self, music_output: MusicOutput, *, on: bool, intent: Intent) -> None:
        self._music_output = music_output
        self._settings = MusicPayload(on=on, intent=intent)
        self._latest: Event | None = None

    def handle(self, event: Event) -> None:
        """Take an event from the camera or from another machine."""
        self._latest = event
        if self._settings.mood == "auto" or not isinstance(event, Mood):
            self._music_output.handle(event)

    def alive(self) -> bool:
        """Return whether the music output is alive."""
        return self._music_output.alive()

    def status(self) -> MusicPayload:
        """Return the settings, and what plays."""
        now = self._music_output.now
        playing = f"{now.title} by {now.artist}" if now.title else ""
        return msgspec.structs.replace(
            self._settings, playing=playing[:500], why=now.why[:500], state=now.sentence[:500]
        )

    def set_enabled(self, on: bool) -> None:
        """Switch the music on or off."""
        self._settings = msgspec.structs.replace(self._settings, on=on)
        self._music_output.set_enabled(on)

    def set_intent(self, intent: Intent) -> None:
        """Set the intent: match, lift or calm."""
        self._settings = msgspec.structs.replace(self._settings, intent=intent)
        self._music_output.set_intent(intent)

    def set_mood(self, mood: str) -> None:
        """Set the mood to play to: a label, or auto for the camera's."""
        self._settings = msgspec.structs.replace(self._settings, mood=mood)
        if mood != "auto":
            expression = Expression.from_label(mood)
            at = self._latest.at if self._latest is not None else 0.0
            self._music_output.handle(Mood(expression, 1.0, one_hot(expression), at))
        elif self._latest is not None:
            self._music_output.handle(self._latest)

    def skip(self) -> None:
        """Skip to the next song."""
        self._music_output.skip()
