"""The whole chain on a built-in face, told in lines. Nothing of its result is scripted."""

from __future__ import annotations

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
_SURE = 0.5  # a passing reading below this is not worth a line


def demo(frames: Iterable[Frame] | None = None, file: TextIO | None = None) -> None:
    """Run the scene (the built-in one unless other frames are given) and tell what mien makes of it."""
    recognizer = ExpressionRecognizer.open(_CONFIG)
    story = _Story(file or sys.stdout, MoodTracker(_CONFIG.mood, recognizer.classifier.contract.confusion))
    story.tell(
        f"A face made of averages over hundreds of people, for {LENGTH:.0f} seconds. Nothing leaves this machine.\n"
    )
    for frame in frames if frames is not None else DemoCamera().frames():
        story.next(recognizer.observe(frame))
    story.end()


class _Story:
    def __init__(self, file: TextIO, tracker: MoodTracker) -> None:
        self._file, self._tracker = file, tracker
        self._tracks = starter()
        self._shown: Expression | None = None
        self._face_there = False
        self._frames = self._faces = 0
        self._began = time.process_time()

    def next(self, seen: Observation) -> None:
        """Take in one frame, and say what is new."""
        self._frames += 1
        self._tell_face(seen)
        mood = self._tracker.update(seen.reading) if seen.reading else self._tracker.nobody(seen.at)
        if mood is None:
            return
        if mood.expression is None:
            self._line(seen.at, "mood", "nobody is there, so the music would rest")
            return
        self._line(seen.at, "mood", f"{mood.expression.label} ({mood.confidence:.0%})")
        self._tell_song(seen.at, mood.probabilities)

    def end(self) -> None:
        """Sum up, and say where to go from here."""
        each = (time.process_time() - self._began) / max(1, self._frames) * 1000
        self.tell(
            f"\n{self._frames} frames, a face in {self._faces} of them, {each:.0f} ms of processor time a frame "
            "(drawing the scene included).\nNext: mien classify PHOTO, mien recommend PHOTO, mien run --camera 0."
        )

    def tell(self, text: str) -> None:
        """Say something now, not when a buffer is full."""
        print(text, file=self._file, flush=True)

    def _tell_face(self, seen: Observation) -> None:
        if bool(seen.faces) != self._face_there:
            self._face_there = bool(seen.faces)
            where = "found, {0.width} px wide at ({0.x}, {0.y})".format(seen.faces[0]) if seen.faces else "lost"
            self._line(seen.at, "face", where)
        if seen.reading is None:
            return
        self._faces += 1
        if seen.reading.expression != self._shown and seen.reading.confidence >= _SURE:
            self._shown = seen.reading.expression
            self._line(seen.at, "expression", f"{self._shown.label} ({seen.reading.confidence:.0%})")

    def _tell_song(self, at: float, probabilities: tuple[float, ...]) -> None:
        [choice] = recommend(probabilities, self._tracks, count=1)
        self._tracks = [track for track in self._tracks if track is not choice.track]
        self._line(at, "song", _name(choice.track))
        self._line(at, "why", choice.why)

    def _line(self, at: float, what: str, text: str) -> None:
        self.tell(f"{at:5.1f} s  {what:<10}  {text}")


def _name(track: Track) -> str:
    return f"{track.title} by {track.artist} ({track.year})"
