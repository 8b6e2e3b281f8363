"""`mien demo`: the whole chain on a built-in face, printed as lines. Nothing of its result is scripted."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable
from typing import TextIO

from mien.config import Config, MoodConfig
from mien.events import Frame
from mien.expression import Expression
from mien.mood import MoodTracker
from mien.music.catalog.records import Track
from mien.music.catalog.starter import starter
from mien.music.recommend.ranker import recommend
from mien.vision.camera.demo import LENGTH, DemoCamera
from mien.vision.recognizer import ExpressionRecognizer, Observation

_CONFIG = Config(mood=MoodConfig(threshold=0.6, hold=20.0, absent_after=1.5))  # the scene is short
_MIN_CONFIDENCE = 0.5  # a reading below this is not worth a line


def add_arguments(_parser: argparse.ArgumentParser) -> None:
    """Add nothing: the demo runs on embedded defaults."""


def run(_arguments: argparse.Namespace) -> None:
    """Show the built-in scene."""
    demo()


def demo(frames: Iterable[Frame] | None = None, file: TextIO | None = None) -> None:
    """Process the scene, the built-in one unless other frames are given, and print what each stage returns."""
    recognizer = ExpressionRecognizer.open(_CONFIG.vision, _CONFIG.model)
    narrator = _Narrator(file or sys.stdout, MoodTracker(_CONFIG.mood))
    narrator.print(
        f"A face made of averages over hundreds of people, for {LENGTH:.0f} seconds. Nothing leaves this machine.\n"
    )
    for frame in frames if frames is not None else DemoCamera().frames():
        narrator.handle(recognizer.observe(frame))
    narrator.summarize()


class _Narrator:
    """Prints what is new in each observation, and a song for each mood."""

    def __init__(self, file: TextIO, tracker: MoodTracker) -> None:
        self._file, self._tracker = file, tracker
        self._tracks = starter()
        self._expression: Expression | None = None
        self._face_in_view = False
        self._frames = self._faces = 0
        self._began = time.process_time()

    def handle(self, observation: Observation) -> None:
        """Take one frame's observation, and print what is new."""
        self._frames += 1
        self._print_face(observation)
        at = observation.at
        mood = self._tracker.update(observation.reading, at)
        if mood is None:
            return
        if mood.expression is None:
            self._print_line(at, "mood", "no face, so the music would pause")
            return
        self._print_line(at, "mood", f"{mood.expression.label} ({mood.confidence:.0%})")
        self._print_song(at, mood.probabilities)

    def summarize(self) -> None:
        """Print the totals, and which commands to try next."""
        frame_ms = (time.process_time() - self._began) / max(1, self._frames) * 1000
        self.print(
            f"\n{self._frames} frames, a face in {self._faces} of them, {frame_ms:.0f} ms of processor time a frame "
            "(drawing the scene included).\nNext: mien classify PHOTO, mien recommend PHOTO, mien run --camera 0."
        )

    def print(self, text: str) -> None:
        """Print and flush."""
        print(text, file=self._file, flush=True)

    def _print_face(self, observation: Observation) -> None:
        at, faces, reading = observation.at, observation.faces, observation.reading
        if bool(faces) != self._face_in_view:
            self._face_in_view = bool(faces)
            where = "found, {0.width} px wide at ({0.x}, {0.y})".format(faces[0]) if faces else "lost"
            self._print_line(at, "face", where)
        if reading is None:
            return
        self._faces += 1
        if reading.expression != self._expression and reading.confidence >= _MIN_CONFIDENCE:
            self._expression = reading.expression
            self._print_line(at, "expression", f"{reading.expression.label} ({reading.confidence:.0%})")

    def _print_song(self, at: float, probabilities: tuple[float, ...]) -> None:
        [choice] = recommend(probabilities, self._tracks, count=1)
        self._tracks = [track for track in self._tracks if track is not choice.track]
        self._print_line(at, "song", _format_track(choice.track))
        self._print_line(at, "why", choice.why)

    def _print_line(self, at: float, what: str, text: str) -> None:
        self.print(f"{at:5.1f} s  {what:<10}  {text}")


def _format_track(track: Track) -> str:
    return f"{track.title} by {track.artist} ({track.year})"
