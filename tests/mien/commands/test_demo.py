"""The demo: real detector, network and tracker on a face that is nobody's."""

from __future__ import annotations

import io

import pytest

from mien.commands.demo import demo
from mien.events import Frame
from mien.expression import Expression
from mien.vision.camera.demo import LENGTH, STAY, DemoCamera
from mien.vision.detector import HaarDetector


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += max(seconds, 0.001)


@pytest.fixture(scope="module")
def frames() -> list[Frame]:
    """All the frames of the scene."""
    clock = Clock()
    return list(DemoCamera(clock, clock.sleep).frames())


def test_the_scene_ends_within_a_minute(frames: list[Frame]) -> None:
    """The scene is shorter than a minute, at about ten frames a second."""
    assert LENGTH < 60
    assert frames[-1].at < LENGTH
    assert len(frames) == pytest.approx(LENGTH * 10, abs=2)


@pytest.mark.parametrize("expression", Expression)
def test_the_finder_finds_every_face(expression: Expression) -> None:
    """The real detector sees one face whatever it wears."""
    found = HaarDetector(60).detect(DemoCamera().draw((expression + 0.6) * STAY))
    assert len(found) == 1
    assert 150 < found[0].width < 280


def test_the_room_is_empty_at_last(frames: list[Frame]) -> None:
    """When the face has gone, nothing is found."""
    assert HaarDetector(60).detect(frames[-1].gray) == []


def test_the_story_is_told(frames: list[Frame]) -> None:
    """Face found, expression, mood, song and why appear as lines, and at the end nobody is there."""
    told = io.StringIO()
    demo(frames, told)
    words = [line.split()[2] for line in told.getvalue().splitlines() if line[:5].strip().replace(".", "").isdigit()]
    assert {"face", "expression", "mood", "song", "why"} <= set(words)
    assert "no face" in told.getvalue()
    assert words.count("song") == words.count("why") >= 1
