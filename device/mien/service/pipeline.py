"""The loop: camera -> detector -> classifier -> mood -> events for the outputs, through all faults of the camera."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import replace

from mien.backoff import Backoff
from mien.controls import Controls
from mien.errors import InputError
from mien.events import CameraEvent, CameraState, Event, Mood
from mien.mood import MoodTracker
from mien.service.learning import HouseholdLearner
from mien.service.notify import Notifier
from mien.vision.camera.base import Camera, LostCameraError
from mien.vision.camera.frozen import FrozenFrameDetector
from mien.vision.camera.thread import CameraThread
from mien.vision.frame_rate import FrameRateController, FrameRateMeter
from mien.vision.recognizer import ExpressionRecognizer, Observation

FIRST_DELAY, LONGEST_DELAY = 1.0, 60.0
"""Seconds before a failed camera is opened again: doubled each time up to the longest."""

_RECOVERED_AFTER = 30.0  # seconds of frames after which the delay begins with the first again
_LEARNING_INTERVAL = 0.1  # seconds between frames while a face is learned
_POLL = 0.1  # seconds between two checks of the controls while there is nothing else to do

_NO_CAMERA: Mapping[CameraState, str] = {
    "fault": "the camera does not work",
    "paused": "detection is off",
    "ended": "the camera has ended",
}
"""Why no face can be learned."""


class Pipeline:
    """Runs the stages on the camera's frames, until it ends or `controls` request a stop."""

    def __init__(
        self,
        recognizer: ExpressionRecognizer,
        tracker: MoodTracker,
        controls: Controls,
        opener: Callable[[], Camera],
        *,
        retry: bool = False,
        max_fps: float = math.inf,
        notifier: Notifier | None = None,
        learner: HouseholdLearner | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Join the stages.

        opener: opens the camera. retry: open a live camera again after a fault. max_fps: most frames a second of a
        live camera. learner: learns a face on request; while it does, moods are not updated, since expressions are
        posed. sleep: waits for some seconds.
        """
        self._recognizer, self._tracker, self._controls = recognizer, tracker, controls
        self._opener, self._retry, self._max_fps = opener, retry, max_fps
        self._notifier, self._learner, self._sleep = notifier or Notifier(), learner, sleep
        self._backoff = Backoff(FIRST_DELAY, LONGEST_DELAY)
        self._frames_left: int | None = None
        self._at = 0.0
        self._rate_meter = FrameRateMeter()

    def events(self, max_frames: int | None = None) -> Iterator[Event]:
        """Yield events as they happen, "ended" the last. Raises InputError after a fault that is not retried."""
        self._frames_left = max_frames
        ended = False
        while not ended and not self._controls.stopping:
            if self._controls.detection:
                ended = yield from self._run_camera()
            else:
                yield self._camera_event("paused", "detection is off")
                self._wait_for_detection()
        yield self._camera_event("ended", _format_low_quality(self._recognizer.low_quality))

    def _run_camera(self) -> Generator[Event, None, bool]:
        """Open the camera, process its frames and close it. Returns whether the pipeline is to end."""
        camera = None
        try:
            camera = CameraThread(self._opener, self._should_continue)
            try:
                return (yield from self._process_frames(camera))
            finally:
                camera.close()
        except InputError as error:
            yield self._camera_event("fault", str(error))
            lost = isinstance(error, LostCameraError) or (camera is not None and not camera.can_reopen)
            if lost or not self._retry:
                raise
        self._wait_for_retry()
        return False

    def _process_frames(self, camera: CameraThread) -> Generator[Event, None, bool]:
        """Yield the events of the camera's frames. Returns whether the pipeline is to end."""
        controller, frozen = FrameRateController(self._max_fps), FrozenFrameDetector(camera.camera.kind)
        opened_at = None
        for frame in camera.frames():
            self._at = frame.at
            if opened_at is None:
                opened_at = frame.at
                yield self._camera_event("open", "")
            elif frame.at - opened_at > _RECOVERED_AFTER:
                self._backoff.reset()
            if frozen.check(frame):
                yield self._camera_event("fault" if frozen.fault else "open", frozen.fault)
            learning = self._start_learning()
            observation = self._recognizer.observe(frame)
            interval = controller.next_interval(observation.reading, self._controls.profile)
            if learning is not None:
                learning.update(observation)
                interval = min(interval, _LEARNING_INTERVAL)
            elif (mood := self._update_mood(observation)) is not None:
                yield mood
            camera.camera.set_frame_interval(interval)
            self._update_diagnostics(observation)
            if self._is_last_frame():
                return True
        return self._should_continue()  # the frames ended by themselves, not because of the controls

    def _start_learning(self) -> HouseholdLearner | None:
        """Carry out requests to learn a face, and return the learner while it does."""
        if self._learner is None:
            return None
        self._learner.poll()
        return self._learner if self._learner.active else None

    def _refuse_learning(self, reason: str) -> None:
        if self._learner is not None:
            self._learner.abort(reason)

    def _update_mood(self, observation: Observation) -> Mood | None:
        self._tracker.threshold = self._controls.threshold
        mood = self._tracker.update(observation.reading, observation.at)
        if mood is not None:
            self._notifier.status(f"mood: {'no face' if mood.expression is None else mood.expression.label}")
        return mood

    def _camera_event(self, state: CameraState, detail: str) -> CameraEvent:
        """Return an event, after publishing it to the diagnostics and systemd.

        Unless the camera is open, trackers are reset: what they hold does not apply to the frames after the event.
        """
        self._notifier.ready()
        if state != "open":
            self._tracker.reset()
            self._recognizer.reset()
            self._refuse_learning(_NO_CAMERA[state])
            self._notifier.status(f"camera: {state} {detail}".rstrip())
        self._controls.diagnostics = replace(self._controls.diagnostics, camera=state, detail=detail, faces=0)
        return CameraEvent(state, detail, self._at)

    def _update_diagnostics(self, observation: Observation) -> None:
        self._notifier.alive()
        recognizer = self._recognizer
        self._controls.diagnostics = replace(
            self._controls.diagnostics,
            frames=self._controls.diagnostics.frames + 1,
            faces=len(observation.faces),
            fps=self._rate_meter.update(observation.at),
            detect_ms=recognizer.detect_ms,
            inference_ms=recognizer.inference_ms,
            low_quality=dict(recognizer.low_quality),
        )

    def _is_last_frame(self) -> bool:
        """Count a frame, and return whether it was the last of `max_frames`."""
        if self._frames_left is not None:
            self._frames_left -= 1
        return self._frames_left == 0

    def _should_continue(self) -> bool:
        self._notifier.alive()  # a camera that is slow within its timeout must not let the watchdog end the process
        return self._controls.detection and not self._controls.stopping

    def _wait_for_retry(self) -> None:
        delay, waited = self._backoff.next_delay(), 0.0
        while waited < delay and self._should_continue():
            self._refuse_learning(_NO_CAMERA["fault"])
            self._sleep(_POLL)
            waited += _POLL

    def _wait_for_detection(self) -> None:
        while not self._controls.detection and not self._controls.stopping:
            self._refuse_learning(_NO_CAMERA["paused"])
            self._notifier.alive()
            self._sleep(_POLL)


def _format_low_quality(low_quality: Counter[str]) -> str:
    """Return the readings weighed down or dropped, the most frequent reason first; empty where there were none."""
    counts = ", ".join(f"{count} {reason}" for reason, count in low_quality.most_common())
    return f"readings weighed down or dropped: {counts}" if counts else ""
