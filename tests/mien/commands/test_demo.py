"""The demo: real detector, network and tracker on a face that belongs to no one."""

from __future__ import annotations

import io

import pytest

from mien.commands.demo import demo
from mien.config import Config
from mien.events import Frame
from mien.expression import Expression
from mien.vision.camera.demo import FADE, LENGTH, STAY, DemoCamera
from mien.vision.classifier import Classifier
from mien.vision.crop import to_input
from mien.vision.detector import HaarDetector
from mien.vision.recognizer import ExpressionRecognizer


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


@pytest.mark.parametrize("expression", Expression)
def test_every_face_is_classified_as_what_it_shows(expression: Expression) -> None:
    """Cut out of the scene around the detector's box, under an even prior."""
    classifier, gray = Classifier.load(), DemoCamera().draw((expression + 0.6) * STAY)
    [face] = HaarDetector(60).detect(gray)
    probabilities = classifier.probabilities(to_input(gray, face, classifier.contract.crop_margin))
    assert max(probabilities) == probabilities[expression]


def test_every_reading_is_that_of_the_face_in_the_scene(frames: list[Frame]) -> None:
    """From the end of its cross-fade on, each of the seven faces is read as what it shows, nine times in ten."""
    recognizer = ExpressionRecognizer.open(Config().vision, Config().model)
    right: dict[Expression, list[bool]] = {expression: [] for expression in Expression}
    for frame in frames:
        reading, shown = recognizer.observe(frame).reading, int(frame.at / STAY)
        if reading is not None and shown < len(Expression) and frame.at - shown * STAY > FADE:
            right[Expression(shown)].append(reading.expression == shown)
    assert min(len(readings) for readings in right.values()) > 35
    assert min(sum(readings) / len(readings) for readings in right.values()) > 0.9


def test_the_text_names_every_face_and_mood(frames: list[Frame]) -> None:
    """Each expression has its line while its face is shown, and becomes the mood before the next is shown."""
    output = io.StringIO()
    demo(frames, output)
    lines = [line.split() for line in output.getvalue().splitlines() if line[:5].strip().replace(".", "").isdigit()]
    for kind in ("expression", "mood"):
        printed = [(float(at), text[0]) for at, _, what, *text in lines if what == kind]
        for expression in Expression:
            began = expression * STAY + FADE * (expression > 0)
            labels = {label for at, label in printed if began <= at < (expression + 1) * STAY}
            assert labels <= {expression.label}, (kind, expression, printed)
        assert {label for _, label in printed} >= {expression.label for expression in Expression}


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
