"""The music's controls over MQTT."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field
from typing import cast

from mien.config import Intent
from mien.events import CameraEvent, Event, Mood
from mien.expression import Expression
from mien.mqtt import payloads
from mien.service.music_controller import MusicController
from mien.service.music_output import MusicOutput


@dataclass
class FakeNowPlaying:
    title: str = "A song"
    artist: str = "Somebody"
    why: str = "Because"
    sentence: str = "x" * 1000


@dataclass
class FakeMusicOutput:
    """Records each call."""

    now: FakeNowPlaying = field(default_factory=FakeNowPlaying)
    calls: list[object] = field(default_factory=list)

    def handle(self, event: Event) -> None:
        self.calls.append(event.expression if isinstance(event, Mood) else event.state)

    def alive(self) -> bool:
        return True

    def set_enabled(self, enabled: bool) -> None:
        self.calls.append(enabled)

    def set_intent(self, intent: Intent) -> None:
        self.calls.append(intent)

    def skip(self) -> None:
        self.calls.append("skip")


def mood(expression: Expression) -> Mood:
    return Mood(expression, 1.0, tuple(float(e == expression) for e in Expression), 1.0)


def test_a_mood_by_hand_holds_until_auto() -> None:
    """The camera's moods do not change it, camera events still pass, and auto goes on with the camera's latest mood."""
    output = FakeMusicOutput()
    controller = MusicController(cast(MusicOutput, output), on=True, intent="match")
    controller.handle(mood(Expression.HAPPY))
    controller.set_mood("sad")
    controller.handle(CameraEvent("fault", "", 2.0))
    controller.handle(mood(Expression.FEAR))
    controller.set_mood("auto")
    assert output.calls == [Expression.HAPPY, Expression.SAD, "fault", Expression.FEAR]


def test_settings_and_skip_reach_the_music_output() -> None:
    """And the status holds the settings and what plays, in a payload that fits its schema."""
    output = FakeMusicOutput()
    controller = MusicController(cast(MusicOutput, output), on=True, intent="match")
    controller.set_enabled(False)
    controller.set_intent("calm")
    controller.skip()
    assert output.calls == [False, "calm", "skip"]
    status = controller.status()
    assert (status.on, status.intent, status.mood, status.playing) == (False, "calm", "auto", "A song by Somebody")
    assert payloads.decode(payloads.encode(status), payloads.MusicPayload) == status
    output.now.title = ""
    assert controller.status().playing == ""


def test_the_controller_does_not_load_spotify() -> None:
    """A machine without music can import it."""
    code = "import sys, mien.service.music_controller; print('spotipy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "False"
