"""Posing for `mien learn` before the demo's camera: in a pipe, in a terminal, with skips and interruptions."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from itertools import islice

import numpy as np
import pytest

from mien.commands.learn_camera import SkipKeys, pose
from mien.config import ModelConfig, VisionConfig
from mien.errors import LearningError
from mien.events import Frame
from mien.expression import LABELS, Expression
from mien.vision.camera.demo import DemoCamera
from mien.vision.recognizer import ExpressionRecognizer
from tests.fakes.cameras import noisy_picture


@pytest.fixture(scope="module")
def recognizer() -> ExpressionRecognizer:
    return ExpressionRecognizer.open(VisionConfig(), ModelConfig())


class Terminal(io.StringIO):
    """What is printed to a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture
def keyboard() -> Iterator[tuple[int, io.TextIOWrapper]]:
    """The two ends of a pseudo-terminal: where keys are pressed, and where they are read."""
    try:
        user, program = os.openpty()
    except OSError as error:  # a chroot without /dev/pts
        pytest.skip(f"needs a pseudo-terminal: {error.strerror}")
    with open(program, encoding="utf-8") as file:  # noqa: PTH123  # a descriptor
        yield user, file
    os.close(user)


def demo_frames(count: int | None = None) -> Iterator[Frame]:
    """The demo's scene, or its first frames, without waiting."""
    now = [0.0]
    frames = DemoCamera(lambda: now[0], lambda seconds: now.__setitem__(0, now[0] + seconds)).frames()
    return islice(frames, count)


def test_the_demo_is_learned(recognizer: ExpressionRecognizer) -> None:
    """Every expression, in time with the demo's faces, and in plain lines where there is no terminal."""
    recognizer.reset()
    file = io.StringIO()
    readings = pose(demo_frames(), recognizer, file, SkipKeys(io.StringIO()))
    assert list(readings) == list(Expression)
    lines = file.getvalue().splitlines()
    assert "\x1b" not in file.getvalue()
    assert "Enter" not in lines[0]
    assert [line.split(":")[0].strip() for line in lines if "steady readings" in line] == list(LABELS)
    means = np.array([np.mean(blocks, axis=0) for blocks in readings.values()])
    assert means.argmax(axis=1)[Expression.HAPPY] == Expression.HAPPY
    assert means.argmax(axis=1)[Expression.SURPRISE] == Expression.SURPRISE
    assert np.linalg.norm(np.diff(means, axis=0), axis=1).min() > 2  # each is of another face than the one before


@pytest.mark.parametrize("no_color", [False, True])
def test_a_terminal_shows_bars(
    recognizer: ExpressionRecognizer, monkeypatch: pytest.MonkeyPatch, *, no_color: bool
) -> None:
    """One line of at most 80 columns that redraws itself, in colours unless NO_COLOR is set."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1") if no_color else monkeypatch.delenv("NO_COLOR", raising=False)
    recognizer.reset()
    file = Terminal()
    pose(demo_frames(90), recognizer, file, SkipKeys(io.StringIO()))
    text = file.getvalue()
    assert ("\x1b[1;32m" in text) != no_color
    bars = [line for line in text.split("\r\x1b[K") if "neutr" in line]
    assert len(bars) > 30
    assert any("█" in line for line in bars)
    assert max(len(re.sub(r"\x1b\[[0-9;]*m", "", line)) for line in bars) <= 80
    assert text.endswith("\r\x1b[K")


def test_a_narrow_terminal_gets_shorter_labels(
    recognizer: ExpressionRecognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that the line does not wrap, and can be redrawn."""
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("NO_COLOR", "1")
    recognizer.reset()
    file = Terminal()
    pose(demo_frames(50), recognizer, file, SkipKeys(io.StringIO()))
    bars = [line for line in file.getvalue().split("\r\x1b[K") if line.startswith("ne ")]
    assert bars
    assert max(map(len, bars)) < 60


def test_a_plain_terminal_gets_digits(recognizer: ExpressionRecognizer) -> None:
    """Where blocks cannot be encoded."""

    class AsciiTerminal(Terminal):
        encoding = "ascii"

    recognizer.reset()
    file = AsciiTerminal()
    pose(demo_frames(60), recognizer, file, SkipKeys(io.StringIO()))
    assert file.getvalue().isascii()


def test_keys_skip(recognizer: ExpressionRecognizer, keyboard: tuple[int, io.TextIOWrapper]) -> None:
    """Enter and s leave out an expression, but not neutral; other keys do nothing. The terminal is as before."""
    user, file = keyboard
    presses = {1.0: b"\n", 6.0: b"s", 12.0: b"x", 13.0: b"\n"}

    def frames() -> Iterator[Frame]:
        for frame in demo_frames():
            for at in [at for at in presses if at <= frame.at]:
                os.write(user, presses.pop(at))
            yield frame

    recognizer.reset()
    output = io.StringIO()
    readings = pose(frames(), recognizer, output, SkipKeys(file))
    assert Expression.NEUTRAL in readings
    assert len(readings) == 5
    assert "Enter or s" in output.getvalue()
    assert output.getvalue().count("left out") == 2


def test_an_interruption_keeps_nothing(
    recognizer: ExpressionRecognizer, keyboard: tuple[int, io.TextIOWrapper]
) -> None:
    """Ctrl-C passes through, and the terminal is as before."""
    import termios

    _, file = keyboard
    before = termios.tcgetattr(file.fileno())

    def frames() -> Iterator[Frame]:
        yield from demo_frames(20)
        raise KeyboardInterrupt

    recognizer.reset()
    with pytest.raises(KeyboardInterrupt):
        pose(frames(), recognizer, io.StringIO(), SkipKeys(file))
    assert termios.tcgetattr(file.fileno()) == before


def test_nobody_before_the_camera(recognizer: ExpressionRecognizer) -> None:
    """One sentence with the remedy."""
    recognizer.reset()
    frames = (Frame(noisy_picture(), number / 10) for number in range(300))
    with pytest.raises(LearningError, match="no steady neutral face was in view: sit facing"):
        pose(frames, recognizer, io.StringIO(), SkipKeys(io.StringIO()))
