"""The music's controls, between the moods and the player."""

from __future__ import annotations

from dataclasses import dataclass, field

from mien.config import Intent
from mien.events import CameraEvent, Event, Mood
from mien.expression import Expression
from mien.mqtt import payloads
from mien.service.music_controller import MusicController


@dataclass
class Now:
    title: str = "A song"
    artist: str = "Somebody"
    why: str = "Because"
    sentence: str = "x" * 1000


@dataclass
class Player:
    """Takes what it is told."""

    now: Now = field(default_factory=Now)
    told: list[object] = field(default_factory=list)

    def handle(self, event: Event) -> None:
        self.told.append(event.expression if isinstance(event, Mood) else event.state)

    def alive(self) -> bool:
        return True

    def set_enabled(self, enabled: bool) -> None:
        self.told.append(enabled)

    def set_intent(self, intent: Intent) -> None:
        self.told.append(intent)

    def skip(self) -> None:
        self.told.append("skip")


def mood(expression: Expression) -> Mood:
    return Mood(expression, 1.0, tuple(float(e == expression) for e in Expression), 1.0)


def test_a_mood_by_hand_holds_until_auto() -> None:
    """What the camera sees does not change it, camera events still pass, and auto goes on with the latest seen."""
    player = Player()
    switch = MusicController(player, on=True, intent="match")
    switch.handle(mood(Expression.HAPPY))
    switch.set_mood("sad")
    switch.handle(CameraEvent("fault", "", 2.0))
    switch.handle(mood(Expression.FEAR))
    switch.set_mood("auto")
    assert player.told == [Expression.HAPPY, Expression.SAD, "fault", Expression.FEAR]


def test_switch_intent_and_skip_reach_the_player() -> None:
    """And the status says what is set and what plays, in a payload that fits its schema."""
    player = Player()
    switch = MusicController(player, on=True, intent="match")
    switch.set_enabled(False)
    switch.set_intent("calm")
    switch.skip()
    assert player.told == [False, "calm", "skip"]
    status = switch.status()
    assert (status.on, status.intent, status.mood, status.playing) == (False, "calm", "auto", "A song by Somebody")
    assert payloads.decode(payloads.encode(status), payloads.MusicPayload) == status
    player.now.title = ""
    assert switch.status().playing == ""
