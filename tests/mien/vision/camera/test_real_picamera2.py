"""The Pi's camera through the real picamera2, on libcamera's virtual pipeline. .ci/picamera2 runs these tests."""

from __future__ import annotations

import gc
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mien.config import CameraConfig
from mien.errors import InputError
from mien.events import Frame
from mien.vision.camera.base import LostCameraError
from mien.vision.camera.open import open_camera
from mien.vision.camera.picamera import BUFFERS, PiCamera
from mien.vision.camera.thread import CameraThread
from tests.conftest import ROOT
from tests.fakes.strict_picamera2 import FakePicamera2
from tests.fakes.virtual_picamera2 import PICTURES, MemoryHeap, reason_to_skip, resources

pytestmark = [
    pytest.mark.real_picamera2,
    pytest.mark.filterwarnings("ignore:setDaemon:DeprecationWarning"),  # picamera2's event loop
]

IMX219 = [
    {"format": depth, "size": size}
    for depth in ("SRGGB8", "SRGGB10_CSI2P")
    for size in ((640, 480), (1640, 1232), (1920, 1080), (3280, 2464))
]
"""The modes of Camera v2. The first and the third read only a part of the sensor."""


@pytest.fixture(scope="module", autouse=True)
def virtual_camera() -> None:
    """The virtual camera under the real picamera2."""
    if reason := reason_to_skip():
        pytest.skip(reason)


@pytest.fixture
def library() -> Any:
    """The real class Picamera2."""
    return import_module("picamera2").Picamera2


@pytest.fixture
def without_garbage_collection() -> Iterator[None]:
    """No collection runs by itself, so that what waits for one is noticed."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def read_frames(count: int = 3, config: CameraConfig | None = None) -> None:
    """Open the camera, read some frames and close it."""
    camera = PiCamera(config=config or CameraConfig())
    frames = camera.frames()
    for _ in range(count):
        frame = next(frames)
    assert frame.gray.shape == (480, 640)
    del frame
    camera.close()


def growth(before: dict[str, int]) -> dict[str, int]:
    """Return what this process holds more of, by more than the one that a thread may be opening or closing."""
    return {kind: count for kind, count in resources().items() if count > before.get(kind, 0) + 1}


def buffers() -> int:
    """Count the mappings of the camera's buffers and their descriptors."""
    counts = resources()
    return counts["maps"] + counts.get("/memfd", 0)


def run_script(script: str, *arguments: str, timeout: float) -> subprocess.CompletedProcess[str]:
    """Run a script in a process of its own."""
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=timeout, check=False)


def close_lost_cameras(library: Any) -> None:
    """Let picamera2 close what it has still acquired, as the end of the process would."""
    for camera in list(library._cm.cameras.values()):
        camera.close()


def fail(*_: object) -> None:
    raise RuntimeError("Failed to allocate capture buffers")


def configuration(camera: Any, controls: dict[str, Any] | None = None, **main: object) -> Any:
    return camera.create_video_configuration(
        main={"size": (640, 480), "format": "YUV420", **main},
        raw=None,
        buffer_count=3,
        controls=controls or {},
        sensor={},
    )


def configure_closed(camera: Any) -> None:
    config = configuration(camera)
    camera.close()
    camera.configure(config)


def start(camera: Any) -> Any:
    camera.configure(configuration(camera))
    camera.start()
    return camera


def release_twice(camera: Any) -> None:
    request = camera.capture_request(wait=5)
    request.release()
    request.release()


REFUSALS: dict[str, Callable[[Any], object]] = {
    "a second object for one camera": lambda camera: type(camera)(),
    "an unknown control": lambda camera: camera.set_controls({"Nonsense": 1}),
    "a control of a closed camera": lambda camera: (
        camera.close(),
        camera.set_controls({"FrameDurationLimits": (1, 1)}),
    ),
    "an unknown control in the configuration": lambda camera: camera.configure(configuration(camera, {"Nonsense": 1})),
    "an unknown key of a stream": lambda camera: configuration(camera, width=640),
    "an unknown key of the sensor": lambda camera: camera.configure({**configuration(camera), "sensor": {"width": 1}}),
    "a second configuration while started": lambda camera: (start(camera), camera.configure(configuration(camera))),
    "a configuration of a closed camera": lambda camera: (camera.close(), configuration(camera)),
    "configuring a closed camera": configure_closed,
    "a request before the start": lambda camera: camera.capture_request(wait=0.1),
    "a request of a closed camera": lambda camera: (start(camera), camera.close(), camera.capture_request(wait=0.1)),
    "a second release": lambda camera: release_twice(start(camera)),
}
"""What may not be done with a Picamera2."""


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # objects that failed half-way
@pytest.mark.parametrize("refusal", REFUSALS)
def test_the_fake_refuses_what_the_real_one_refuses(library: Any, refusal: str) -> None:
    """With the same kind of exception."""
    kinds = []
    for each in (library, FakePicamera2):
        camera = each()
        with pytest.raises(Exception) as refused:  # noqa: PT011 (whichever the real one raises)
            REFUSALS[refusal](camera)
        kinds.append(refused.type)
        camera.close()
    assert kinds[0] is kinds[1]


def test_frames_are_the_pictures() -> None:
    """Grey, upright, and with the demo's face in them: its contrast, but for the JPEG and the range of video."""
    camera = PiCamera()
    frames = camera.frames()
    frame = next(frames)
    assert frame.gray.shape == (480, 640)
    assert frame.gray.std() > 15
    assert frame.gray.base is not None
    del frame
    camera.close()


@pytest.mark.parametrize("step", ["configure", "start", "start_"])
def test_a_failed_start_gives_the_camera_back(library: Any, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """The next attempt succeeds. The error names the cause."""
    with monkeypatch.context() as patch:
        patch.setattr(library, step, fail)
        for _ in range(2):
            with pytest.raises(InputError, match=r"does not start.*Failed to allocate capture buffers"):
                PiCamera()
    read_frames()


def test_a_refused_start_that_cannot_be_undone_is_a_lost_camera(library: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every retry would fail, so only a new process helps."""
    with monkeypatch.context() as patch:
        patch.setattr(library, "configure", fail)
        patch.setattr(library, "close", fail)
        with pytest.raises(LostCameraError, match="start mien again"):
            PiCamera()
    close_lost_cameras(library)
    read_frames()


def test_a_camera_in_use_is_named(library: Any) -> None:
    """Also with the reason that picamera2 hides in the cause. The camera is free again after its user has closed it."""
    user = library()
    with pytest.raises(InputError, match=r"in use by another program.*busy") as refused:
        PiCamera()
    assert isinstance(refused.value.__cause__, RuntimeError)
    user.close()
    read_frames()


def test_a_missing_permission_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """For the buffers' memory. Once it is granted, the camera opens."""

    def refuse() -> MemoryHeap:
        raise PermissionError(13, "Permission denied", "/dev/dma_heap/vidbuf_cached")

    with monkeypatch.context() as patch:
        patch.setattr(import_module("picamera2.allocators.dmaallocator"), "DmaHeap", refuse)
        for _ in range(2):
            with pytest.raises(InputError, match=r"vidbuf_cached.*group video"):
                PiCamera()
    read_frames()


def test_no_camera_is_named(library: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the cable as the usual reason."""
    monkeypatch.setattr(library, "global_camera_info", staticmethod(list))
    with pytest.raises(InputError, match=r"No camera is detected.*cable"):
        PiCamera()


@pytest.mark.usefixtures("without_garbage_collection")
@pytest.mark.parametrize("fault", ["no camera", "busy", "no permission", "no start"])
def test_failed_attempts_leave_nothing_open(library: Any, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    """Two thousand where no camera is connected, fewer where an attempt takes long."""
    read_frames()
    user = library() if fault == "busy" else None

    def refuse() -> MemoryHeap:
        raise PermissionError(13, "Permission denied", "/dev/dma_heap/vidbuf_cached")

    if fault == "no camera":
        monkeypatch.setattr(library, "global_camera_info", staticmethod(list))
    elif fault == "no permission":
        monkeypatch.setattr(import_module("picamera2.allocators.dmaallocator"), "DmaHeap", refuse)
    elif fault == "no start":
        monkeypatch.setattr(library, "start", fail)

    def attempt() -> None:
        with pytest.raises(InputError):
            PiCamera()

    attempt()
    before = resources()
    for _ in range({"no camera": 2000, "no start": 5}.get(fault, 20)):
        attempt()
    grown = growth(before)
    if user is not None:
        user.close()
    assert grown == {}


@pytest.mark.usefixtures("without_garbage_collection")
def test_buffers_are_freed_on_closing() -> None:
    """No garbage collection is waited for."""
    read_frames()
    before = resources()
    for _ in range(3):
        read_frames()
        assert buffers() == 0
    assert growth(before) == {}


@pytest.mark.usefixtures("without_garbage_collection")
@pytest.mark.parametrize("ended", [False, True])
def test_a_frame_held_over_the_closing_stays_readable_and_frees_its_buffer_later(ended: bool) -> None:
    """A fault's traceback refers to the last frame while the camera is closed.

    ended: whether the iterator that delivered it ends before the camera is closed, or after the frame is dropped.
    """
    read_frames()
    before = resources()
    for _ in range(2):
        camera = PiCamera()
        frames: Iterator[Frame] | None = camera.frames()
        assert frames is not None
        frame = next(frames)
        if ended:
            frames = None
        camera.close()
        assert frame.gray.mean() > 0  # whatever the camera wrote there last
        del frame, frames
        assert buffers() == 0
    assert growth(before) == {}


def advertise_only(library: Any, monkeypatch: pytest.MonkeyPatch, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the controls that the camera advertises, before and after it is configured."""
    camera_class = type(import_module("libcamera").CameraManager.singleton().cameras[0])
    real = camera_class.controls

    def controls(camera: Any) -> dict[Any, Any]:
        by_name = {control.name: (control, info) for control, info in real.fget(camera).items()}
        change(by_name)
        return dict(by_name.values())

    monkeypatch.setattr(camera_class, "controls", property(controls))
    del library


def test_a_camera_without_a_frame_rate_is_read_all_the_same(library: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """As USB cameras are under libcamera: frames that are not due are dropped instead."""
    advertise_only(library, monkeypatch, lambda controls: controls.pop("FrameDurationLimits"))
    camera = PiCamera()
    frames = camera.frames()
    camera.set_frame_interval(0.2)
    times = [next(frames).at for _ in range(4)]
    camera.close()
    assert all(later - earlier > 0.15 for earlier, later in itertools.pairwise(times))


def advertise_control(library: Any, monkeypatch: pytest.MonkeyPatch, name: str, limits: object) -> None:
    """Let the camera advertise one more control, with its minimum, maximum and default."""
    control = getattr(import_module("libcamera").controls, name)
    advertise_only(library, monkeypatch, lambda controls: controls.update({name: (control, limits)}))


@pytest.fixture
def started(library: Any, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The controls with which each camera of a test starts."""
    started: list[dict[str, Any]] = []
    real = library.start_

    def start_(self: Any) -> None:
        started.append(self.controls.make_dict())
        real(self)

    monkeypatch.setattr(library, "start_", start_)
    return started


NO_LIMITS = SimpleNamespace(min=0, max=0, default=0)


def test_the_lens_focuses_by_itself(
    library: Any, monkeypatch: pytest.MonkeyPatch, started: list[dict[str, Any]]
) -> None:
    """Where it can be moved."""
    advertise_control(library, monkeypatch, "AfMode", NO_LIMITS)
    read_frames()
    assert started[0]["AfMode"] == int(import_module("libcamera").controls.AfModeEnum.Continuous)


def test_the_lens_focuses_once(library: Any, monkeypatch: pytest.MonkeyPatch, started: list[dict[str, Any]]) -> None:
    """Its mode is set at the start, and it is triggered then."""
    controls = import_module("libcamera").controls
    for name in ("AfMode", "AfTrigger", "LensPosition"):
        advertise_control(library, monkeypatch, name, NO_LIMITS)
    triggers = []
    real = library.set_controls

    def set_controls(self: Any, values: dict[str, Any]) -> None:
        if "AfTrigger" in values:
            triggers.append((self.started, values["AfTrigger"]))
        real(self, values)

    monkeypatch.setattr(library, "set_controls", set_controls)
    read_frames(config=CameraConfig(focus="auto"))
    assert started[0]["AfMode"] == int(controls.AfModeEnum.Auto)
    assert triggers == [(True, int(controls.AfTriggerEnum.Start))]


def test_focus_and_exposure_are_set(
    library: Any, monkeypatch: pytest.MonkeyPatch, started: list[dict[str, Any]]
) -> None:
    """A distance in dioptres, in manual mode. libcamera takes the values."""
    for name in ("AfMode", "AfTrigger", "LensPosition", "ExposureValue"):
        advertise_control(library, monkeypatch, name, NO_LIMITS)
    read_frames(config=CameraConfig(focus=0.5, exposure=-1.5))
    manual = int(import_module("libcamera").controls.AfModeEnum.Manual)
    expected = {"AfMode": manual, "LensPosition": 2.0, "ExposureValue": -1.5}
    assert {name: started[0][name] for name in expected} == expected


def test_the_sensor_zooms(library: Any, monkeypatch: pytest.MonkeyPatch, started: list[dict[str, Any]]) -> None:
    """To the middle of what its mode reads, in the picture's shape: here of Camera Module 3, which is wider."""
    rectangle = import_module("libcamera").Rectangle(0, 0, 4608, 2592)
    advertise_control(
        library, monkeypatch, "ScalerCrop", SimpleNamespace(min=rectangle, max=rectangle, default=rectangle)
    )
    read_frames(config=CameraConfig(zoom=2))
    assert started[0]["ScalerCrop"] == (1440, 648, 1728, 1296)


def test_a_picture_is_cropped_where_the_sensor_is_not() -> None:
    """libcamera's virtual camera has no ScalerCrop. Nothing is copied."""
    camera = PiCamera(config=CameraConfig(zoom=2))
    frame = next(camera.frames())
    assert frame.gray.shape == (240, 320)
    assert frame.gray.base is not None
    del frame
    camera.close()


@pytest.mark.usefixtures("library")
def test_a_camera_number_that_is_missing_is_named() -> None:
    """With the number of cameras. The camera that is there can be opened by its number."""
    with pytest.raises(InputError, match=r"no picamera:1: 1 camera is detected, picamera:0;"):
        open_camera(CameraConfig(source="picamera:1"))
    open_camera(CameraConfig(source="picamera:0")).close()


def test_the_sensor_shows_its_full_view(library: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of Camera v2 picamera2 chooses the mode of 1640x1232, not that of 640x480, which shows 39 % of the width."""

    def read_modes(self: Any) -> list[dict[str, Any]]:
        self.camera_properties_["ColorFilterArrangement"] = 0
        return IMX219

    monkeypatch.setattr(library, "_get_raw_modes", read_modes)
    camera = PiCamera()
    size = camera._camera.libcamera_config.sensor_config.output_size
    raw = camera._camera.camera_configuration()["raw"]
    camera.close()
    assert (size.width, size.height) == (1640, 1232)
    assert raw is None


def test_few_buffers_and_no_raw_stream() -> None:
    """A change of the frame rate takes as many frames as there are buffers."""
    camera = PiCamera()
    requested, streams = camera._camera.camera_configuration()["buffer_count"], camera._camera.streams
    camera.close()
    assert requested == BUFFERS == 3  # the virtual pipeline itself makes four of them
    assert len(streams) == 1


def test_a_close_that_raises_is_a_lost_camera(library: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The camera may still be acquired, so that no retry can help."""
    running = CameraThread(lambda: open_camera(CameraConfig(source="picamera")))
    next(running.frames())
    with monkeypatch.context() as patch:
        patch.setattr(library, "stop", fail)
        with pytest.raises(LostCameraError, match="Failed to allocate capture buffers"):
            running.close()
    close_lost_cameras(library)
    read_frames()


STALLS = """
import json, sys, threading
from tests.fakes.virtual_picamera2 import reason_to_skip, resources
assert not reason_to_skip()
from picamera2 import Picamera2
from mien.config import CameraConfig, Config
from mien.controls import Controls
from mien.events import CameraEvent
from mien.mood import MoodTracker
from mien.service.pipeline import Pipeline
from mien.vision.camera import picamera
from mien.vision.camera.open import open_camera
from mien.vision.recognizer import ExpressionRecognizer

picamera._TIMEOUT = 0.3
start = Picamera2.start

def start_and_stall(self):
    start(self)
    threading.Timer(0.3, self.camera.stop).start()  # as after a disconnect: no request returns

Picamera2.start = start_and_stall
config = Config()
controls = Controls(config.vision, config.mood)
recognizer, tracker = ExpressionRecognizer.open(config.vision, config.model), MoodTracker(config.mood)
opener = lambda: open_camera(CameraConfig(source="picamera"))
pipeline = Pipeline(recognizer, tracker, controls, opener, retry=True, sleep=lambda _: None)
count = 0
for event in pipeline.events():
    if isinstance(event, CameraEvent) and event.state == "fault":
        print(json.dumps(resources()), flush=True)
        count += 1
        if count == int(sys.argv[1]):
            controls.stop()
"""


def test_a_camera_that_stalls_again_and_again_leaves_nothing() -> None:
    """Through the whole pipeline with its retries: no descriptors, no buffers, no threads."""
    stalls = int(os.environ.get("MIEN_STALLS", "8"))
    ended = run_script(STALLS, str(stalls), timeout=30 + 3 * stalls)
    assert ended.returncode == 0, ended.stderr
    counts = [json.loads(line) for line in ended.stdout.splitlines()]
    assert len(counts) == stalls
    for kind in {kind for count in counts for kind in count}:
        first, last = (
            [count.get(kind, 0) for count in half] for half in (counts[: stalls // 2], counts[stalls // 2 :])
        )
        assert min(last) <= max(first), kind


LOST = """
import sys, threading
from tests.fakes import virtual_picamera2
assert not virtual_picamera2.reason_to_skip()
from picamera2 import Picamera2
from mien.vision.camera import picamera, thread
from mien.cli import main

def hang(*_, **__):
    threading.Event().wait()

process_requests, capture_request = Picamera2.process_requests, Picamera2.capture_request
picamera._TIMEOUT, thread.FRAME_TIMEOUT, thread.CLOSE_TIMEOUT = 1.0, 2.0, 1.0
if "loop" in sys.argv:
    Picamera2.process_requests = lambda self, display: hang() if self.frames > 2 else process_requests(self, display)
if "stop" in sys.argv:
    Picamera2.stop_ = hang
if "capture" in sys.argv:
    Picamera2.capture_request = lambda self, **k: hang() if self.frames > 2 else capture_request(self, **k)
sys.exit(main(["run", "--camera", "picamera", "--json", "--max-frames", "9"]))
"""


@pytest.mark.parametrize("hanging", [["loop"], ["stop"], ["capture"], ["capture", "stop"]])
def test_the_process_ends_after_a_lost_camera(hanging: list[str]) -> None:
    """With exit code 4, although picamera2's calls never return, neither to the loop nor at the interpreter's exit."""
    ended = run_script(LOST, *hanging, timeout=40)
    assert ended.returncode == 4, ended.stderr
    assert "start mien again" in ended.stderr


WHOLE = """
import sys
from tests.fakes import virtual_picamera2
assert not virtual_picamera2.reason_to_skip()
from mien.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_mien_run_names_the_expressions(tmp_path: Path) -> None:
    """The whole chain from the camera to JSON lines, on one round of the demo's scene."""
    config = tmp_path / "mien.toml"
    # the mood follows as quickly as in `mien demo`, because each expression lasts five seconds only
    config.write_text('[vision]\nprofile = "responsive"\n[mood]\nthreshold = 0.6\nhold = 20.0\n', encoding="utf-8")
    count = len(list(PICTURES.glob("*.jpg")))
    arguments = ["run", "--config", str(config), "--camera", "picamera", "--json", "--max-frames", str(2 * count)]
    ended = run_script(WHOLE, *arguments, timeout=180)
    assert ended.returncode == 0, ended.stderr
    events = [json.loads(line) for line in ended.stdout.splitlines()]
    moods = [event["expression"] for event in events if event["event"] == "mood"]
    assert moods[:2] == ["neutral", "happy"]
    assert {"surprise", "disgust"} <= set(moods)
    assert [event["state"] for event in events if event["event"] == "camera"] == ["open", "ended"]
