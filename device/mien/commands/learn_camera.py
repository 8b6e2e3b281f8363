"""Posing for `mien learn`: the expressions are requested one after the other, and what is recognized is shown live."""

from __future__ import annotations

import os
import select
import shutil
import sys
import termios
import tty
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Self, TextIO

import msgspec
import numpy as np
from numpy.typing import NDArray

from mien.config import CameraConfig
from mien.errors import LearningError
from mien.events import Frame
from mien.expression import LABELS, Expression
from mien.service.learning import LearningSession, Phase
from mien.vision.camera.open import open_camera
from mien.vision.camera.orientation import open_oriented
from mien.vision.camera.thread import CameraThread
from mien.vision.recognizer import ExpressionRecognizer, Observation

Readings = dict[Expression, list[NDArray[np.float64]]]

_INTERVAL = 0.1  # seconds between frames
_REDRAW = 0.2  # seconds, of the frames' clock, between two drawings of the live line

_WIDTH = 80  # columns that the live line takes at most, with five letters a label

_REQUESTS: dict[Expression, str] = {
    Expression.NEUTRAL: "Rest your face: neutral",
    Expression.HAPPY: "Smile: happy",
    Expression.SAD: "Look sad",
    Expression.SURPRISE: "Look surprised",
    Expression.ANGRY: "Look angry",
    Expression.DISGUST: "Look disgusted",
    Expression.FEAR: "Look frightened: fear",
}

_HINTS: dict[Phase, str] = {"settle": "get ready", "search": "no clear face", "hold": "hold still", "done": ""}


@contextmanager
def open_learning_camera(config: CameraConfig, source: str | None) -> Iterator[Iterator[Frame]]:
    """Open the camera of the configuration, or of `source`, upright, and yield its frames. Raises InputError."""
    if source is not None:
        config = msgspec.structs.replace(config, source=source)
    opener = partial(open_oriented, partial(open_camera, config), config.rotation, mirror=config.mirror)
    camera = CameraThread(opener)
    try:
        camera.camera.set_frame_interval(_INTERVAL)
        yield camera.frames()
    finally:
        camera.close()


def pose(
    frames: Iterable[Frame],
    recognizer: ExpressionRecognizer,
    file: TextIO | None = None,
    keys: SkipKeys | None = None,
) -> Readings:
    """Request the expressions one after the other and return the readings, by expression and in the order of time.

    Raises LearningError where no steady neutral face came into view.
    """
    session = LearningSession(recognizer.classifier.contract)
    with keys or SkipKeys() as pressed, LearningScreen(session, file or sys.stdout, can_skip=pressed.enabled) as screen:
        for frame in frames:
            if pressed.poll():
                session.skip()
            observation = recognizer.observe(frame)
            session.update(observation)
            screen.update(observation)
            if session.expression is None:
                break
        session.finish()
        screen.finish()
    if session.fault:
        raise LearningError(
            f"Nothing was learned, as {session.fault}: sit facing the camera, in even light, alone, and try again."
        )
    return session.readings


class SkipKeys:
    """Enter or s, pressed in the terminal, leave out the present expression. enabled: whether there is a terminal."""

    def __init__(self, file: TextIO | None = None) -> None:
        file = file or sys.stdin
        self.enabled = False
        with suppress(ValueError, OSError, AttributeError):  # closed, or not a file
            self.enabled = file.isatty()
            self._descriptor = file.fileno()

    def __enter__(self) -> Self:
        if self.enabled:
            self._former = termios.tcgetattr(self._descriptor)
            tty.setcbreak(self._descriptor)  # keys come at once, and Ctrl-C still interrupts
        return self

    def __exit__(self, *_: object) -> None:
        if self.enabled:
            termios.tcsetattr(self._descriptor, termios.TCSAFLUSH, self._former)

    def poll(self) -> bool:
        """Return whether such a key was pressed since the last call; does not wait."""
        if not self.enabled or not select.select([self._descriptor], [], [], 0)[0]:
            return False
        return bool(set(os.read(self._descriptor, 64)) & set(b"\r\nsS"))


class LearningScreen:
    """Prints what to show, and in a terminal, on one line that redraws itself, what is recognized."""

    def __init__(self, session: LearningSession, file: TextIO, *, can_skip: bool) -> None:
        self._session, self._file, self._can_skip = session, file, can_skip
        self._terminal = file.isatty()
        self._color = self._terminal and not os.environ.get("NO_COLOR")
        self._letters = 5 if shutil.get_terminal_size().columns >= _WIDTH else 2  # of each label
        self._requested: Expression | None = None
        self._drawn_at = -1.0

    def __enter__(self) -> Self:
        skip = " Enter or s leaves one out." if self._can_skip else ""
        self._print(
            f"Show each expression to the camera for about four seconds.{skip} Numbers are kept, and no picture; "
            "Ctrl-C ends it, and nothing is kept."
        )
        return self

    def __exit__(self, *_: object) -> None:
        if self._terminal:
            print("\r\033[K", end="", file=self._file, flush=True)

    def update(self, observation: Observation) -> None:
        """Print what has changed with a frame."""
        self._print_steps()
        expression = self._session.expression
        if self._terminal and expression is not None and not 0 <= observation.at - self._drawn_at < _REDRAW:
            self._drawn_at = observation.at
            print(f"\r\033[K{self._line(observation)}", end="", file=self._file, flush=True)

    def finish(self) -> None:
        """Print how the last step ended."""
        self._print_steps()

    def _print_steps(self) -> None:
        """Print how the former step ended, and what to show now, if that has changed."""
        if (expression := self._session.expression) == self._requested:
            return
        former, self._requested = self._requested, expression
        if former is not None:
            readings = self._session.readings.get(former)
            self._print(f"  {former.label}: {f'{len(readings)} steady readings' if readings else 'left out'}")
        if expression is not None:
            self._print(f"{_REQUESTS[expression]}.")

    def _line(self, observation: Observation) -> str:
        """Return bars for the seven expressions, and how far the step is."""
        reading = observation.reading
        probabilities = reading.probabilities if reading is not None and reading.weight > 0 else ()
        best = max(range(len(probabilities)), key=probabilities.__getitem__, default=-1)
        texts = []
        for index, label in enumerate(LABELS):
            text = f"{label[: self._letters]} {_bar(probabilities[index] if probabilities else 0.0, self._file)}"
            texts.append(f"\033[1;32m{text}\033[0m" if index == best and self._color else text)
        return f"{' '.join(texts)} {_HINTS[self._session.phase]} {self._session.progress:.0%}"

    def _print(self, text: str) -> None:
        start = "\r\033[K" if self._terminal else ""
        print(f"{start}{text}", file=self._file, flush=True)


def _bar(share: float, file: TextIO) -> str:
    """Return a share as a character: a block where the terminal can print one, else a digit."""
    step = min(8, round(share * 8))
    try:
        "█".encode(file.encoding or "ascii")
    except (LookupError, UnicodeEncodeError):
        return str(step)
    return " ▁▂▃▄▅▆▇█"[step] if step else "·"
