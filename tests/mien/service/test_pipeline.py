"""The pipeline: each fault of a camera is reported, retried or fatal as configured, and nothing hangs or spins."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from mien.clock import Clock
from mien.config import CameraConfig, Config, ModelConfig, MoodConfig, VisionConfig
from mien.controls import Controls
from mien.errors import InputError
from mien.events import CameraEvent, Event, Mood
from mien.mood import MoodTracker
from mien.service import pipeline
from mien.service.learning import HouseholdLearner
from mien.service.people_store import PeopleStore
from mien.service.pipeline import Pipeline
from mien.vision.camera import thread
from mien.vision.camera.base import Camera
from mien.vision.camera.demo import DemoCamera
from mien.vision.camera.open import open_camera
from mien.vision.recognizer import ExpressionRecognizer, open_classifier
from tests.conftest import ROOT, Outcome
from tests.fakes.cameras import NOISE, FakeCamera, fail, hang, noisy_picture, open_missing_camera
from tests.fakes.scenes import degraded_scene, shifted_scene


@pytest.fixture(scope="module")
def recognizer() -> ExpressionRecognizer:
    return ExpressionRecognizer.open(VisionConfig(), ModelConfig())


@pytest.fixture
def short_timeouts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Timeouts that a test can wait for, where a camera hangs; a busy machine may need longer where none does."""
    for name, seconds in {"OPEN_TIMEOUT": 1.0, "FRAME_TIMEOUT": 1.0, "CLOSE_TIMEOUT": 1.0, "_POLL": 0.02}.items():
        monkeypatch.setattr(thread, name, seconds)


class PipelineRun:
    """A pipeline over cameras that are opened one after the other; sleeping takes no time and is counted."""

    def __init__(
        self,
        recognizer: ExpressionRecognizer,
        *openers: Callable[[], Camera],
        retry: bool = True,
        people: Path | None = None,
    ) -> None:
        """people: the directory of what was learned, where faces can be learned."""
        self.controls = Controls(VisionConfig(), MoodConfig())
        self.delays: list[float] = []
        self._openers = list(openers)
        learner = None
        if people is not None:
            learner = HouseholdLearner(recognizer.classifier, PeopleStore(people), self.controls, Clock())
        self.pipeline = Pipeline(
            recognizer,
            MoodTracker(Config().mood),
            self.controls,
            self._open,
            retry=retry,
            learner=learner,
            sleep=self._sleep,
        )
        self._slept = 0.0

    def _open(self) -> Camera:
        self.delays.append(self._slept)
        self._slept = 0.0
        if not self._openers:
            self.controls.stop()
            return FakeCamera(0)
        return self._openers.pop(0)()

    def _sleep(self, seconds: float) -> None:
        self._slept += seconds

    def events(self, max_frames: int | None = None) -> list[tuple[str, str]]:
        """Return state and detail of each of the camera's events."""
        return [
            (event.state, event.detail) for event in self.pipeline.events(max_frames) if isinstance(event, CameraEvent)
        ]

    def raising(self) -> tuple[list[Event], str]:
        """Return the events until an InputError, and its text."""
        events: list[Event] = []
        with pytest.raises(InputError) as caught:
            events.extend(self.pipeline.events())
        return events, str(caught.value)


def states(events: list[tuple[str, str]]) -> list[str]:
    return [state for state, _ in events]


def test_a_missing_camera_is_fatal_as_configured(recognizer: ExpressionRecognizer) -> None:
    """With on_fault = "exit" the fault is reported, then raised for exit code 4."""
    _, text = PipelineRun(recognizer, open_missing_camera, retry=False).raising()
    assert "plug it in" in text


def test_a_missing_camera_is_retried_with_growing_delay(recognizer: ExpressionRecognizer) -> None:
    """With on_fault = "retry" each delay is twice the last, up to a minute, until the camera opens."""
    run = PipelineRun(recognizer, *[open_missing_camera] * 8, lambda: FakeCamera(3))
    events = run.events(max_frames=3)
    assert states(events) == ["fault"] * 8 + ["open", "ended"]
    assert run.delays[1:] == pytest.approx([1, 2, 4, 8, 16, 32, 60, 60], abs=0.2)


def test_a_camera_that_fails_is_reopened(recognizer: ExpressionRecognizer) -> None:
    """It is closed, and opened again after a second."""
    first = FakeCamera(4, then=fail)
    run = PipelineRun(recognizer, lambda: first, lambda: FakeCamera(4))
    assert states(run.events(max_frames=8)) == ["open", "fault", "open", "ended"]
    assert first.closed.is_set()


def test_the_delay_starts_over_once_the_camera_has_recovered(recognizer: ExpressionRecognizer) -> None:
    """After half a minute of frames the next fault is followed by the first delay again."""
    working = FakeCamera(310, then=fail)
    run = PipelineRun(recognizer, open_missing_camera, open_missing_camera, lambda: working, lambda: FakeCamera(1))
    run.events(max_frames=311)
    assert run.delays[1:] == pytest.approx([1, 2, 1], abs=0.2)


@pytest.mark.usefixtures("short_timeouts")
def test_a_camera_that_never_opens_ends_the_process(recognizer: ExpressionRecognizer) -> None:
    """It is not opened again and again, each time with one more thread that hangs, even with on_fault = "retry"."""

    def opener() -> Camera:
        hang()
        raise AssertionError

    events, text = PipelineRun(recognizer, opener).raising()
    assert "does not open" in text
    assert [event.state for event in events if isinstance(event, CameraEvent)] == ["fault"]


@pytest.mark.usefixtures("short_timeouts")
def test_a_camera_that_delivers_nothing_ends_the_process(recognizer: ExpressionRecognizer) -> None:
    """After a call that never returns only a new process can open the device: fatal even with on_fault = "retry"."""
    events, text = PipelineRun(recognizer, lambda: FakeCamera(2, then=hang)).raising()
    assert "delivers no picture" in text
    assert [event.state for event in events if isinstance(event, CameraEvent)] == ["open", "fault"]


@pytest.mark.usefixtures("short_timeouts")
def test_close_that_hangs_has_a_timeout(recognizer: ExpressionRecognizer) -> None:
    """The fault is raised instead of waiting for ever."""
    camera = FakeCamera(2)
    camera.close = hang  # type: ignore[method-assign]
    _, text = PipelineRun(recognizer, lambda: camera).raising()
    assert "does not close" in text


def test_a_driver_that_raises_is_one_sentence(recognizer: ExpressionRecognizer) -> None:
    """Any exception of a driver becomes a fault that names it."""

    def crash() -> None:
        raise RuntimeError("libcamera failed")

    _, text = PipelineRun(recognizer, lambda: FakeCamera(1, then=crash), retry=False).raising()
    assert "RuntimeError: libcamera failed" in text


def test_a_frozen_live_picture_is_opened_again(recognizer: ExpressionRecognizer) -> None:
    """Equal frames for ten seconds are a fault of a live camera."""
    picture = noisy_picture()
    run = PipelineRun(recognizer, lambda: FakeCamera(200, picture=lambda: picture), lambda: FakeCamera(2))
    events = run.events(max_frames=103)
    assert states(events) == ["open", "fault", "open", "ended"]
    assert "frozen" in events[1][1]


def test_a_black_picture_is_reported_and_its_end_too(recognizer: ExpressionRecognizer) -> None:
    """A covered lens is a fault while it lasts, but no reason to close the camera."""
    count = iter(range(1000))
    black = np.zeros((240, 320), np.uint8)
    camera = FakeCamera(150, picture=lambda: black if next(count) < 120 else noisy_picture())
    events = PipelineRun(recognizer, lambda: camera).events(max_frames=150)
    assert states(events) == ["open", "fault", "open", "ended"]
    assert "black" in events[1][1]


@pytest.mark.parametrize("shape", [(240, 320, 3), (10, 10), (240,)])
def test_frames_of_a_wrong_shape_are_a_fault(recognizer: ExpressionRecognizer, shape: tuple[int, ...]) -> None:
    """A frame that is not a grey picture is reported, not searched."""
    _, text = PipelineRun(
        recognizer, lambda: FakeCamera(3, picture=lambda: np.zeros(shape, np.uint8)), retry=False
    ).raising()
    assert "shape" in text


def test_a_size_that_changes_is_a_fault(recognizer: ExpressionRecognizer) -> None:
    """A live camera whose frames change size is opened again."""
    sizes = iter([(240, 320), (240, 320), (480, 640)])
    camera = FakeCamera(3, picture=lambda: NOISE.integers(0, 255, next(sizes)).astype(np.uint8))
    events = PipelineRun(recognizer, lambda: camera, lambda: FakeCamera(2)).events(max_frames=4)
    assert states(events)[:2] == ["open", "fault"]
    assert "changed" in events[1][1]


def test_a_corrupt_photo_in_a_folder_ends_with_its_name(recognizer: ExpressionRecognizer, tmp_path: Path) -> None:
    """It is fatal even with on_fault = "retry": a replay would fail at the same place again."""
    cv2.imwrite(str(tmp_path / "a.png"), NOISE.integers(0, 255, (100, 100)).astype(np.uint8))
    (tmp_path / "b.jpg").write_bytes(b"\xff\xd8 not a JPEG")
    _, text = PipelineRun(recognizer, lambda: open_camera(CameraConfig(source=str(tmp_path)))).raising()
    assert "b.jpg" in text


def test_turning_detection_off_closes_the_camera(recognizer: ExpressionRecognizer) -> None:
    """Off closes it, on opens it again."""
    first, second = FakeCamera(10**6), FakeCamera(3)
    run = PipelineRun(recognizer, lambda: first, lambda: second)
    changes = []
    for event in run.pipeline.events(max_frames=20):
        if not isinstance(event, CameraEvent):
            continue
        changes.append(event.state)
        if changes == ["open"]:
            run.controls.detection = False
        elif event.state == "paused":
            assert first.closed.is_set()
            run.controls.detection = True
    assert changes == ["open", "paused", "open", "ended"]


def test_stopping_ends_the_pipeline_at_once(recognizer: ExpressionRecognizer) -> None:
    """Also while it waits to open a failed camera again."""
    run = PipelineRun(recognizer, open_missing_camera)
    events = run.pipeline.events()
    assert next(events) == CameraEvent("fault", "There is no camera: plug it in.", 0.0)
    run.controls.stop()
    assert [event.state for event in events if isinstance(event, CameraEvent)] == ["ended"]


def test_diagnostics_are_updated(recognizer: ExpressionRecognizer) -> None:
    """Outputs can read frames, rate, times and the camera's state."""
    run = PipelineRun(recognizer, lambda: FakeCamera(20))
    run.events(max_frames=20)
    diagnostics = run.controls.diagnostics
    assert (diagnostics.camera, diagnostics.frames, diagnostics.faces) == ("ended", 20, 0)
    assert diagnostics.fps == pytest.approx(10)
    assert diagnostics.detect_ms > 0


def test_delays_are_documented_ones() -> None:
    """The delays are those of the documentation of on_fault."""
    assert (pipeline.FIRST_DELAY, pipeline.LONGEST_DELAY) == (1.0, 60.0)


def test_the_end_reports_readings_of_low_quality(mien: Callable[..., Outcome], tmp_path: Path) -> None:
    """The last line of `mien run` counts the readings that were weighed down or dropped, by reason."""
    cv2.imwrite(str(tmp_path / "dusk.png"), degraded_scene("dark")[0])
    [*_, last] = mien("run", "--camera", str(tmp_path / "dusk.png")).out.splitlines()
    assert re.search(r"camera ended: readings weighed down or dropped: \d+ dark$", last)


def test_a_photo_is_a_camera(mien: Callable[..., Outcome], photo: Path) -> None:
    """`mien run --camera PHOTO` opens it, shows it for some seconds on the photo's own clock, and ends by itself."""
    outcome = mien("run", "--camera", str(photo), "--json")
    assert outcome.code == 0
    assert '"state": "open"' in outcome.out
    assert '"state": "ended"' in outcome.out
    assert open_classifier(ModelConfig()).contract.labels[0] == "neutral"


def test_memory_does_not_grow_with_frames() -> None:
    """From 1,000 frames to 3,000 the whole loop grows by less than 2 MB; the benchmark measures 100,000."""
    benchmark = ROOT / "benchmarks" / "memory.py"
    done = subprocess.run([sys.executable, benchmark, "--frames", "3000"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("3,000 frames")


@pytest.mark.parametrize("size", [(640, 480), (1280, 720)])
def test_a_video_needs_little_memory(tmp_path: Path, size: tuple[int, int]) -> None:
    """`mien run` on a video takes at most 60 MB of its own at its peak, by the kernel's count, at 1280x720 too.

    The mapped files of its libraries come on top, usually another 55 MB. They are subtracted, because how much of them
    is resident depends on the page cache: right after an installation it is twice as much.
    """
    path = str(tmp_path / "scene.mp4")
    video = cv2.VideoWriter(path, cv2.VideoWriter.fourcc(*"mp4v"), 10, size, isColor=False)
    for shift in range(0, 60, 2):
        video.write(cv2.resize(shifted_scene(shift), size))
    video.release()
    code = "import sys; from mien.cli import main; main(sys.argv[1:]); print(open('/proc/self/status').read())"
    command = [sys.executable, "-c", code, "run", "--camera", path]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    peak, files = (int(output.split(f"{name}:")[1].split()[0]) for name in ("VmHWM", "RssFile"))  # kB
    assert peak - files < 60_000


class DemoPictures:
    """The demo's face, ten pictures a second."""

    def __init__(self) -> None:
        self._demo, self._index = DemoCamera(), -1

    def __call__(self) -> NDArray[np.uint8]:
        self._index += 1
        return self._demo.draw(self._index / 10)


def test_a_face_is_learned_while_the_daemon_runs(recognizer: ExpressionRecognizer, tmp_path: Path) -> None:
    """On request; the posed expressions are no moods, and what was learned is used at once."""
    recognizer.reset()
    run = PipelineRun(recognizer, lambda: FakeCamera(345, picture=DemoPictures()), people=tmp_path)
    run.controls.request_learning("Ann")
    moods, states = [], []
    for event in run.pipeline.events(max_frames=345):
        learned = run.controls.learning.state in ("kept", "refused")
        moods += [event] if isinstance(event, Mood) and not learned else []
        states.append(run.controls.learning.state)
    assert moods == []
    assert states[0] == "idle"
    assert run.controls.learning.state in ("kept", "refused")  # as the network is
    kept = run.controls.learning.state == "kept"
    assert list(PeopleStore(tmp_path).read()) == (["Ann"] if kept else [])
    assert (recognizer.classifier.calibration is not None) == kept
    recognizer.classifier.calibration = None


@pytest.mark.parametrize(("max_fps", "shortest"), [(2.0, 0.5), (15.0, 0.1)])
def test_learning_keeps_to_the_cap(
    recognizer: ExpressionRecognizer, tmp_path: Path, max_fps: float, shortest: float
) -> None:
    """While a face is learned ten frames a second are wanted, but no more than max_fps."""
    recognizer.reset()
    intervals: list[float] = []

    class PacedCamera(FakeCamera):
        def set_frame_interval(self, interval: float) -> None:
            intervals.append(interval)

    controls = Controls(VisionConfig(profile="eco"), MoodConfig())
    learner = HouseholdLearner(recognizer.classifier, PeopleStore(tmp_path), controls, Clock())
    controls.request_learning("Ann")
    camera = PacedCamera(5, picture=DemoPictures())
    run = Pipeline(recognizer, MoodTracker(MoodConfig()), controls, lambda: camera, max_fps=max_fps, learner=learner)
    assert list(run.events(max_frames=5))
    assert intervals == [shortest] * 5


def test_learning_ends_with_the_camera(recognizer: ExpressionRecognizer, tmp_path: Path) -> None:
    """A fault in the middle of it, and requests while there is no camera, are refused with the reason."""
    recognizer.reset()
    run = PipelineRun(
        recognizer,
        lambda: FakeCamera(30, then=fail, picture=DemoPictures()),
        lambda: FakeCamera(1),
        people=tmp_path,
    )
    run.controls.request_learning("Ann")
    events = run.pipeline.events(max_frames=31)
    details = []
    for event in events:
        if isinstance(event, CameraEvent) and event.state == "fault":
            details.append(run.controls.learning.detail)
            run.controls.request_learning("Bob")
        if isinstance(event, CameraEvent) and event.state == "open" and details:
            details.append(f"{run.controls.learning.person} {run.controls.learning.state}")
    assert details == ["Nothing was learned: the camera does not work.", "Bob refused"]


def test_learning_is_refused_while_detection_is_off(recognizer: ExpressionRecognizer, tmp_path: Path) -> None:
    """With the reason, at once, and not taken up later."""
    run = PipelineRun(recognizer, people=tmp_path)
    run.controls.detection = False
    run.controls.request_learning("Ann")
    for event in run.pipeline.events():
        if isinstance(event, CameraEvent) and event.state == "paused":
            assert run.controls.learning.detail == "Nothing was learned: detection is off."
            run.controls.stop()
