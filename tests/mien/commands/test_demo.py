"""The demo: real detector, network and tracker on a face that belongs to no one."""

from __future__ import annotations

import io

import pytest

from mien.commands.demo import demo
from mien.events import Frame
from mien.expression import Expression
from mien.vision.camera.demo import LENGTH, STAY, DemoCamera
from mien.vision.detector import HaarDetector


class Clock:
    """Time that passes only in sleep."""

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
def test_the_detector_detects_every_face(expression: Expression) -> None:
    """The real detector returns one face for each expression."""
    faces = HaarDetector(60).detect(DemoCamera().draw((expression + 0.6) * STAY))
    assert len(faces) == 1
    assert 150 < faces[0].width < 280


def test_no_face_at_the_end(frames: list[Frame]) -> None:
    """When the face has left, none is detected."""
    assert HaarDetector(60).detect(frames[-1].gray) == []


def test_every_stage_prints_its_lines(frames: list[Frame]) -> None:
    """Face, expression, mood, song and why appear as lines, and at the end there is no face."""
    output = io.StringIO()
    demo(frames, output)
    columns = [
        line.split()[2] for line in output.getvalue().splitlines() if line[:5].strip().replace(".", "").isdigit()
    ]
    assert {"face", "expression", "mood", "song", "why"} <= set(columns)
    assert "no face" in output.getvalue()
    assert columns.count("song") == columns.count("why") >= 1
