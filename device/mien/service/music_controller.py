"""What the house may set of the music, between the moods and the player."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

from mien.events import Event, Mood, one_hot
from mien.expression import Expression
from mien.mqtt.payloads import MusicPayload

if TYPE_CHECKING:
    from mien.config import Intent


class Now(Protocol):
    """What plays, why, and how things stand."""

    @property
    def title(self) -> str:
        """Empty where nothing plays by mien's hand."""
        ...

    @property
    def artist(self) -> str:
        """Of that song."""
        ...

    @property
    def why(self) -> str:
        """In plain words."""
        ...

    @property
    def sentence(self) -> str:
        """How things stand."""
        ...


class Player(Protocol):
    """The music output, which takes all of this at once and does it later."""

    @property
    def now(self) -> Now:
        """The latest known."""
        ...

    def handle(self, event: Event) -> None:
        """Take a mood."""
        ...

    def alive(self) -> bool:
        """Whether it still does its work."""
        ...

    def set_enabled(self, enabled: bool) -> None:
        """Play to moods, or add nothing."""
        ...

    def set_intent(self, intent: Intent) -> None:
        """From the next song on."""
        ...

    def skip(self) -> None:
        """Another song, at once."""
        ...


class MusicController:
    """An output that hands moods on to the player, and the music's controls for the house.

    A mood set by hand holds whatever the camera sees, until it is set to auto; then the camera's latest counts again.
    """

    def __init__(self, player: Player, *, on: bool, intent: Intent) -> None:
        self._player = player
        self._set = MusicPayload(on=on, intent=intent)
        self._seen: Event | None = None

    def handle(self, event: Event) -> None:
        """From the camera or from another machine's."""
        self._seen = event
        if self._set.mood == "auto" or not isinstance(event, Mood):
            self._player.handle(event)

    def alive(self) -> bool:
        """The player's."""
        return self._player.alive()

    def status(self) -> MusicPayload:
        """What is set, and what plays."""
        now = self._player.now
        playing = f"{now.title} by {now.artist}" if now.title else ""
        return msgspec.structs.replace(self._set, playing=playing[:500], why=now.why[:500], state=now.sentence[:500])

    def set_enabled(self, on: bool) -> None:
        """The switch."""
        self._set = msgspec.structs.replace(self._set, on=on)
        self._player.set_enabled(on)

    def set_intent(self, intent: Intent) -> None:
        """match, lift or calm."""
        self._set = msgspec.structs.replace(self._set, intent=intent)
        self._player.set_intent(intent)

    def set_mood(self, mood: str) -> None:
        """A label, or auto."""
        self._set = msgspec.structs.replace(self._set, mood=mood)
        if mood != "auto":
            expression = Expression.from_label(mood)
            at = self._seen.at if self._seen is not None else 0.0
            self._player.handle(Mood(expression, 1.0, one_hot(expression), at))
        elif self._seen is not None:
            self._player.handle(self._seen)

    def skip(self) -> None:
        """To the next song."""
        self._player.skip()
