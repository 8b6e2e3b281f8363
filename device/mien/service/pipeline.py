"""The loop at mien's heart: camera -> face -> classifier -> mood, as events, through whatever befalls the camera."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace

from mien.controls import Controls
from mien.errors import InputError
from mien.events import CameraEvent, CameraState, Event
from mien.mood import MoodTracker
from mien.service.notify import Notifier
from mien.vision.camera.base import Camera
from mien.vision.camera.frozen import FrozenFrameDetector
from mien.vision.camera.thread import CameraThread, LostCameraError
from mien.vision.frame_rate import FrameRateController, FrameRateMeter
from mien.vision.recognizer import ExpressionRecognizer, Observation

FIRST_DELAY, LONGEST_DELAY = 1.0, 60.0
"""Seconds before a failed camera is tried again: doubled each time up to the longest, small again once it works."""

_MENDED = 30.0  # seconds of frames after which a fault's delay begins small again
_SLICE = 0.1  # seconds between looks at the controls while there is nothing else to do


class Pipeline:
    """Opens the camera, looks at its frames and tells what happens, until it ends or `controls` say stop."""

    def __init__(
        self,
        recognizer: ExpressionRecognizer,
        tracker: MoodTracker,
        controls: Controls,
        opener: Callable[[], Camera],
        *,
        retry: bool = False,
        notifier: Notifier | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._recognizer, self._tracker, self._controls = recognizer, tracker, controls
        self._opener, self._retry = opener, retry
        self._notifier, self._sleep = notifier or Notifier(), sleep
        self._delay = FIRST_DELAY
        self._frames_left: int | None = None
        self._at = 0.0
        self._rate = FrameRateMeter()

    def events(self, max_frames: int | None = None) -> Iterator[Event]:
        """Events as they happen, "ended" the last. Raises InputError after a fault that is not tried again."""
        self._frames_left = max_frames
        over = False
        while not over and not self._controls.stopping:
            if self._controls.detection:
                over = yield from self._session()
            else:
                yield self._camera("paused", "detection is off")
                self._pause()
        yield self._camera("ended", _in_words(self._recognizer.low_quality))

    def _session(self) -> Generator[Event, None, bool]:
        """From the camera's opening to its closing; true when there is nothing more to watch."""
        camera = None
        try:
            camera = CameraThread(self._opener, self._should_continue)
            try:
                return (yield from self._frames(camera))
            finally:
                camera.close()
        except InputError as error:
            yield self._camera("fault", str(error))
            lost = isinstance(error, LostCameraError) or (camera is not None and not camera.can_reopen)
            if lost or not self._retry:
                raise
        self._back_off()
        return False

    def _frames(self, camera: CameraThread) -> Generator[Event, None, bool]:
        controller, stuck = FrameRateController(), FrozenFrameDetector(camera.camera.kind)
        opened = None
        for frame in camera.frames():
            self._at = frame.at
            if opened is None:
                opened = frame.at
                yield self._camera("open", "")
            elif frame.at - opened > _MENDED:
                self._delay = FIRST_DELAY
            if stuck.check(frame):
                yield self._camera("fault" if stuck.fault else "open", stuck.fault)
            look = self._recognizer.observe(frame)
            yield from self._mood(look)
            camera.camera.set_frame_interval(controller.next_interval(look.reading, self._controls.profile))
            self._note(look)
            if self._count_down():
                return True
        return self._should_continue()  # the frames ended by themselves, not because of the controls

    def _mood(self, look: Observation) -> Iterator[Event]:
        self._tracker.threshold = self._controls.threshold
        mood = self._tracker.update(look.reading, look.at)
        if mood is not None:
            self._notifier.status(
                f"mood: {mood.expression.label if mood.expression is not None else 'nobody is there'}"
            )
            yield mood

    def _camera(self, state: CameraState, detail: str) -> CameraEvent:
        """An event, noted for diagnostics and systemd. What was seen before it says nothing of what comes after."""
        self._notifier.ready()
        if state != "open":
            self._tracker.reset()
            self._recognizer.reset()
            self._notifier.status(f"camera: {state} {detail}".rstrip())
        self._controls.diagnostics = replace(self._controls.diagnostics, camera=state, detail=detail, faces=0)
        return CameraEvent(state, detail, self._at)

    def _note(self, look: Observation) -> None:
        self._notifier.alive()
        recognizer = self._recognizer
        self._controls.diagnostics = replace(
            self._controls.diagnostics,
            frames=self._controls.diagnostics.frames + 1,
            faces=len(look.faces),
            fps=self._rate.update(look.at),
            detect_ms=recognizer.detect_ms,
            inference_ms=recognizer.inference_ms,
            low_quality=dict(recognizer.low_quality),
        )

    def _count_down(self) -> bool:
        """Whether this was the last frame that was asked for."""
        if self._frames_left is not None:
            self._frames_left -= 1
        return self._frames_left == 0

    def _should_continue(self) -> bool:
        self._notifier.alive()  # a camera that is slow within its deadline is no reason for the watchdog to bite
        return self._controls.detection and not self._controls.stopping

    def _back_off(self) -> None:
        waited = 0.0
        while waited < self._delay and self._should_continue():
            self._sleep(_SLICE)
            waited += _SLICE
        self._delay = min(2 * self._delay, LONGEST_DELAY)

    def _pause(self) -> None:
        while not self._controls.detection and not self._controls.stopping:
            self._notifier.alive()
            self._sleep(_SLICE)


def _in_words(low_quality: Counter[str]) -> str:
    """The readings weighed down or dropped, the most frequent reason first; empty where there were none."""
    counts = ", ".join(f"{count} {reason}" for reason, count in low_quality.most_common())
    return f"readings weighed down or dropped: {counts}" if counts else ""
