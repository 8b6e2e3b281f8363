"""What befalls cameras: each fault is named in an event, retried or fatal as configured, and nothing hangs or spins."""

from __future__ import annotations

import threading
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, Self

import cv2
import msgspec
import numpy as np
import pytest

from mien.config import CameraConfig, Config, ModelConfig, VisionConfig
from mien.controls import Controls
from mien.errors import InputError
from mien.events import CameraEvent, Event, Frame
from mien.mood import MoodTracker
from mien.service import daemon
from mien.service import pipeline as watching
from mien.service.pipeline import Pipeline
from mien.vision.camera import frozen, picamera, thread
from mien.vision.camera.base import Camera, CameraKind
from mien.vision.camera.open import open_camera
from mien.vision.recognizer import ExpressionRecognizer

NOISE = np.random.default_rng(0)


class Fake:
    """A camera that gives frames ten times a second on a clock of its own, then does what the test says."""

    kind: CameraKind = "live"

    def __init__(
        self, count: int = 5, *, then: Callable[[], object] | None = None, picture: Callable[[], object] | None = None
    ) -> None:
        self._count, self._then = count, then
        self._picture = picture or (lambda: NOISE.integers(90, 110, (240, 320)).astype(np.uint8))
        self.closed = threading.Event()

    def frames(self) -> Iterator[Frame]:
        for index in range(self._count):
            yield Frame(self._picture(), index / 10)  # type: ignore[arg-type]
        if self._then is not None:
            self._then()

    def set_frame_interval(self, interval: float) -> None:
        assert interval > 0

    def close(self) -> None:
        self.closed.set()


def hang() -> None:
    threading.Event().wait(30)


def fail() -> None:
    raise InputError("The camera has gone: plug it in.")


@pytest.fixture(scope="module")
def recognizer() -> ExpressionRecognizer:
    return ExpressionRecognizer.open(VisionConfig(), ModelConfig())


@pytest.fixture
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Deadlines that a test can wait for, where a camera hangs; a busy machine may need longer where none does."""
    for name, seconds in {"OPEN_TIMEOUT": 1.0, "FRAME_TIMEOUT": 1.0, "CLOSE_TIMEOUT": 1.0, "_POLL": 0.02}.items():
        monkeypatch.setattr(thread, name, seconds)


class Run:
    """A watch over cameras that are opened one after the other; sleeping takes no time and is counted."""

    def __init__(self, recognizer: ExpressionRecognizer, *openers: Callable[[], Camera], retry: bool = True) -> None:
        self.controls = Controls(Config())
        self.slept: list[float] = []
        self._openers = list(openers)
        self._watch = Pipeline(
            recognizer,
            MoodTracker(Config().mood),
            self.controls,
            self._open,
            retry=retry,
            sleep=self._sleep,
        )
        self._pending = 0.0

    def _open(self) -> Camera:
        self.slept.append(self._pending)
        self._pending = 0.0
        if not self._openers:
            self.controls.stop()
            return Fake(0)
        return self._openers.pop(0)()

    def _sleep(self, seconds: float) -> None:
        self._pending += seconds

    def events(self, max_frames: int | None = None) -> list[tuple[str, str]]:
        """State and detail of each of the camera's events."""
        return [(e.state, e.detail) for e in self._watch.events(max_frames) if isinstance(e, CameraEvent)]

    def raising(self) -> tuple[list[Event], str]:
        """Events until an InputError, and its text."""
        events: list[Event] = []
        with pytest.raises(InputError) as caught:
            events.extend(self._watch.events())
        return events, str(caught.value)


def states(events: list[tuple[str, str]]) -> list[str]:
    return [state for state, _ in events]


def broken_opener() -> Camera:
    raise InputError("There is no camera: plug it in.")


def test_a_camera_that_is_not_there_is_fatal_as_configured(recognizer: ExpressionRecognizer) -> None:
    """With on_fault = "exit" the fault is told, then raised for exit code 4."""
    _, text = Run(recognizer, broken_opener, retry=False).raising()
    assert "plug it in" in text


def test_a_camera_that_is_not_there_is_retried_with_growing_delay(recognizer: ExpressionRecognizer) -> None:
    """With on_fault = "retry" each attempt waits twice as long as the last, up to a minute, and then it works."""
    run = Run(recognizer, *[broken_opener] * 8, lambda: Fake(3))
    seen = run.events(max_frames=3)
    assert states(seen) == ["fault"] * 8 + ["open", "ended"]
    assert run.slept[1:] == pytest.approx([1, 2, 4, 8, 16, 32, 60, 60], abs=0.2)


def test_a_camera_that_goes_in_the_middle_comes_back(recognizer: ExpressionRecognizer) -> None:
    """It is closed, and opened again after a second."""
    first = Fake(4, then=fail)
    run = Run(recognizer, lambda: first, lambda: Fake(4))
    assert states(run.events(max_frames=8)) == ["open", "fault", "open", "ended"]
    assert first.closed.is_set()


@pytest.mark.usefixtures("impatience")
def test_a_camera_that_never_opens_ends_the_process(recognizer: ExpressionRecognizer) -> None:
    """It is not opened again and again, each time with one more thread that hangs, even with on_fault = "retry"."""

    def opener() -> Camera:
        hang()
        raise AssertionError

    events, text = Run(recognizer, opener).raising()
    assert "does not open" in text
    assert [event.state for event in events if isinstance(event, CameraEvent)] == ["fault"]


@pytest.mark.usefixtures("impatience")
def test_a_camera_that_gives_nothing_ends_the_process(recognizer: ExpressionRecognizer) -> None:
    """After a call that never returns only a new process can have the device: fatal even with on_fault = "retry"."""
    events, text = Run(recognizer, lambda: Fake(2, then=hang)).raising()
    assert "delivers no picture" in text
    assert [event.state for event in events if isinstance(event, CameraEvent)] == ["open", "fault"]


@pytest.mark.usefixtures("impatience")
def test_close_that_hangs_has_a_deadline(recognizer: ExpressionRecognizer) -> None:
    """The fault is named and raised, instead of waiting for ever."""
    camera = Fake(2)
    camera.close = hang  # type: ignore[method-assign]
    _, text = Run(recognizer, lambda: camera).raising()
    assert "does not close" in text


def test_a_driver_that_throws_is_one_sentence(recognizer: ExpressionRecognizer) -> None:
    """Whatever a driver raises becomes a fault that names it."""

    def crash() -> None:
        raise RuntimeError("libcamera says no")

    _, text = Run(recognizer, lambda: Fake(1, then=crash), retry=False).raising()
    assert "RuntimeError: libcamera says no" in text


def test_a_frozen_live_picture_is_opened_again(recognizer: ExpressionRecognizer) -> None:
    """Equal frames for ten seconds are a fault of a live camera."""
    same = NOISE.integers(90, 110, (240, 320)).astype(np.uint8)
    seen = Run(recognizer, lambda: Fake(200, picture=lambda: same), lambda: Fake(2)).events(max_frames=103)
    assert states(seen) == ["open", "fault", "open", "ended"]
    assert "frozen" in seen[1][1]


def test_a_black_picture_is_told_and_its_end_too(recognizer: ExpressionRecognizer) -> None:
    """A covered lens is a fault while it lasts, but no reason to close the camera."""
    count = iter(range(1000))
    camera = Fake(
        150,
        picture=lambda: (
            np.zeros((240, 320), np.uint8)
            if next(count) < 120
            else NOISE.integers(90, 110, (240, 320)).astype(np.uint8)
        ),
    )
    seen = Run(recognizer, lambda: camera).events(max_frames=150)
    assert states(seen) == ["open", "fault", "open", "ended"]
    assert "black" in seen[1][1]


@pytest.mark.parametrize("shape", [(240, 320, 3), (10, 10), (240,)])
def test_frames_of_a_wrong_shape_are_a_fault(recognizer: ExpressionRecognizer, shape: tuple[int, ...]) -> None:
    """What is no grey picture is named, not looked at."""
    _, text = Run(recognizer, lambda: Fake(3, picture=lambda: np.zeros(shape, np.uint8)), retry=False).raising()
    assert "shape" in text


def test_a_size_that_changes_is_a_fault(recognizer: ExpressionRecognizer) -> None:
    """A live camera whose frames change size is opened again."""
    sizes = iter([(240, 320), (240, 320), (480, 640)])
    camera = Fake(3, picture=lambda: NOISE.integers(0, 255, next(sizes)).astype(np.uint8))
    seen = Run(recognizer, lambda: camera, lambda: Fake(2)).events(max_frames=4)
    assert states(seen)[:2] == ["open", "fault"]
    assert "changed" in seen[1][1]


def test_a_corrupt_photo_in_a_folder_ends_with_its_name(recognizer: ExpressionRecognizer, tmp_path: Path) -> None:
    """It is fatal even with on_fault = "retry": a replay would fail at the same place again."""
    cv2.imwrite(str(tmp_path / "a.png"), NOISE.integers(0, 255, (100, 100)).astype(np.uint8))
    (tmp_path / "b.jpg").write_bytes(b"\xff\xd8 not a JPEG")
    _, text = Run(recognizer, lambda: open_camera(str(tmp_path))).raising()
    assert "b.jpg" in text


def test_turning_detection_off_closes_the_camera(recognizer: ExpressionRecognizer) -> None:
    """Off really closes it, on opens it again."""
    first, second = Fake(10**6), Fake(3)
    run = Run(recognizer, lambda: first, lambda: second)
    seen = []
    for event in run._watch.events(max_frames=20):
        if not isinstance(event, CameraEvent):
            continue
        seen.append(event.state)
        if seen == ["open"]:
            run.controls.detection = False
        elif event.state == "paused":
            assert first.closed.is_set()
            run.controls.detection = True
    assert seen == ["open", "paused", "open", "ended"]


def test_stopping_ends_the_watch_at_once(recognizer: ExpressionRecognizer) -> None:
    """A stop is heard while waiting for a failed camera, too."""
    run = Run(recognizer, broken_opener)
    events = run._watch.events()
    assert next(events) == CameraEvent("fault", "There is no camera: plug it in.", 0.0)
    run.controls.stop()
    assert [event.state for event in events if isinstance(event, CameraEvent)] == ["ended"]


def test_diagnostics_follow(recognizer: ExpressionRecognizer) -> None:
    """Outputs can read how it goes: frames, rate, times and the camera's state."""
    run = Run(recognizer, lambda: Fake(20))
    run.events(max_frames=20)
    now = run.controls.diagnostics
    assert (now.camera, now.frames, now.faces) == ("ended", 20, 0)
    assert now.fps == pytest.approx(10)
    assert now.detect_ms > 0


@pytest.mark.parametrize(
    ("on_fault", "stay_up", "retried"),
    [("auto", False, False), ("auto", True, True), ("exit", True, False), ("retry", False, True)],
)
def test_on_fault_is_obeyed(on_fault: Literal["auto", "exit", "retry"], stay_up: bool, retried: bool) -> None:
    """auto retries only where some output tells of the fault."""
    settings = msgspec.structs.replace(Config(), camera=CameraConfig(source="/dev/video99", on_fault=on_fault))
    controls = Controls(settings)

    class Stopper:
        def handle(self, event: Event) -> None:
            assert isinstance(event, CameraEvent)
            controls.stop()

        def alive(self) -> bool:
            return True

    if retried:
        assert daemon.run(settings, [Stopper()], controls=controls, stay_up=stay_up) == "stop"
    else:
        with pytest.raises(InputError, match="plug the camera in"):
            daemon.run(settings, [], controls=controls, stay_up=stay_up)


@pytest.mark.parametrize("how", ["stop", "restart"])
def test_an_output_may_stop_or_restart_the_daemon(photo: Path, how: Literal["stop", "restart"]) -> None:
    """What a command from outside asked for is what the caller is told to do, after a clean end."""
    settings = msgspec.structs.replace(Config(), camera=CameraConfig(source=str(photo)))
    controls, told = Controls(settings), []

    class Commander:
        def handle(self, event: Event) -> None:
            told.append(event)
            controls.stop(how)

        def alive(self) -> bool:
            return True

    assert daemon.run(settings, [Commander()], controls=controls) == how
    assert [event.state for event in told if isinstance(event, CameraEvent)] == ["open", "ended"]
    assert controls.diagnostics.frames <= 1


def test_controls_refuse_nonsense() -> None:
    """An unknown profile or a threshold outside 0 to 1 changes nothing."""
    controls = Controls(Config())
    with pytest.raises(ValueError, match="eco"):
        controls.profile = "turbo"  # type: ignore[assignment]
    for bad in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="0 to 1"):
            controls.threshold = bad
    assert (controls.profile, controls.threshold) == ("balanced", Config().mood.threshold)


def test_delays_are_documented_ones() -> None:
    """What the documentation of on_fault says is what the loop does."""
    assert (watching.FIRST_DELAY, watching.LONGEST_DELAY) == (1.0, 60.0)
    assert frozen.FROZEN_AFTER == 10.0


class FakePicamera2:
    """Stands for picamera2's class: a stream with padded rows, whose size and stride a test may choose."""

    size, stride, timeout = (640, 480), 704, False

    def create_video_configuration(self, **main: object) -> object:
        return main

    def configure(self, config: object) -> None:
        self.configured = config

    def camera_configuration(self) -> dict[str, dict[str, object]]:
        return {"main": {"size": self.size, "stride": self.stride}}

    def start(self) -> None: ...

    def set_controls(self, controls: object) -> None:
        self.controls = controls

    def capture_request(self, wait: float) -> FakePicamera2:
        if self.timeout:
            raise TimeoutError(wait)
        return self

    def cancel_all_and_flush(self) -> None: ...

    def release(self) -> None: ...

    def close(self) -> None: ...


class FakeMappedArray:
    def __init__(self, _request: object, _stream: str, *, reshape: bool) -> None:
        rows = np.zeros((720, 704), np.uint8)
        rows[:480, :640] = np.arange(480, dtype=np.uint16)[:, None] % 251
        rows[:480, 640:] = 255  # padding, never to be seen
        self.array = rows.reshape(-1)
        assert not reshape

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...


@pytest.fixture
def picamera2(monkeypatch: pytest.MonkeyPatch) -> type[FakePicamera2]:
    made = type("Fake", (FakePicamera2,), {})
    module = types.ModuleType("picamera2")
    module.Picamera2, module.MappedArray = made, FakeMappedArray  # type: ignore[attr-defined]
    monkeypatch.setitem(__import__("sys").modules, "picamera2", module)
    return made


@pytest.mark.usefixtures("picamera2")
def test_the_pi_camera_honours_the_stride() -> None:
    """The grey picture is the Y plane less its rows' padding, without a copy."""
    frame = next(picamera.PiCamera().frames())
    assert frame.gray.shape == (480, 640)
    assert (frame.gray == (np.arange(480) % 251)[:, None]).all()
    assert frame.gray.base is not None


@pytest.mark.parametrize(("size", "stride"), [((640, 480), 600), ((1280, 960), 1280), ((640, 480), 4096)])
def test_a_wrong_size_or_stride_is_a_fault(picamera2: type[FakePicamera2], size: tuple[int, int], stride: int) -> None:
    """A buffer that cannot hold what the camera says is refused in one sentence."""
    picamera2.size, picamera2.stride = size, stride
    with pytest.raises(InputError, match="update picamera2"):
        next(picamera.PiCamera().frames())


def test_a_pi_camera_that_times_out_names_its_cable(picamera2: type[FakePicamera2]) -> None:
    """The usual cause is in the sentence."""
    picamera2.timeout = True
    with pytest.raises(InputError, match="cable"):
        next(picamera.PiCamera().frames())
