"""The Pi's camera, against a strict fake of picamera2."""

from __future__ import annotations

import atexit
import sys
import types
from collections.abc import Iterator
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mien.config import CameraConfig
from mien.errors import InputError
from mien.vision.camera.base import LostCameraError
from mien.vision.camera.picamera import PiCamera
from mien.vision.camera.thread import CameraThread
from tests.fakes.strict_picamera2 import FakeMappedArray, FakePicamera2


@pytest.fixture
def picamera2(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[FakePicamera2]]:
    """A class of this test's own in the place of picamera2.Picamera2."""
    fake: type[FakePicamera2] = type("Fake", (FakePicamera2,), {"failures": {}})
    module = types.ModuleType("picamera2")
    module.Picamera2, module.MappedArray = fake, FakeMappedArray  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "picamera2", module)
    yield fake
    if FakePicamera2.owner is not None:
        fake.failures.clear()
        FakePicamera2.owner.close()


@pytest.mark.usefixtures("picamera2")
def test_padding_is_left_out_without_a_copy() -> None:
    """The grey picture is the Y plane less its rows' padding."""
    frame = next(PiCamera().frames())
    assert frame.gray.shape == (480, 640)
    assert (frame.gray == (np.arange(480) % 251)[:, None]).all()
    assert frame.gray.base is not None


@pytest.mark.parametrize(("size", "stride"), [((640, 480), 600), ((1280, 960), 1280), ((640, 480), 4096)])
def test_a_wrong_size_or_stride_is_a_fault(picamera2: type[FakePicamera2], size: tuple[int, int], stride: int) -> None:
    """A buffer that cannot hold a picture of the camera's size is refused in one sentence."""
    picamera2.size, picamera2.stride = size, stride
    with pytest.raises(InputError, match="update picamera2"):
        next(PiCamera().frames())


def test_a_timeout_names_the_cable(picamera2: type[FakePicamera2]) -> None:
    """The usual cause is in the sentence."""
    picamera2.timeout = True
    with pytest.raises(InputError, match="cable"):
        next(PiCamera().frames())


def test_the_sensor_gets_the_frame_interval(picamera2: type[FakePicamera2]) -> None:
    """With the next frame, as long as it differs by a tenth."""
    del picamera2
    camera = PiCamera()
    frames = camera.frames()
    next(frames)
    camera.set_frame_interval(0.5)
    next(frames)
    assert camera._camera.controls == {"FrameDurationLimits": (500_000, 500_000)}
    camera.set_frame_interval(0.51)
    next(frames)
    assert camera._camera.controls == {"FrameDurationLimits": (500_000, 500_000)}


@pytest.mark.parametrize("advertised", [set(), {"FrameDurationLimits"}, {"FrameDurationLimits", "AfMode"}])
def test_only_advertised_controls_are_set(picamera2: type[FakePicamera2], advertised: set[str]) -> None:
    """A USB camera under libcamera has no FrameDurationLimits, and only some lenses can be moved. Both are read."""
    picamera2.advertised = advertised
    camera = PiCamera()
    next(camera.frames())
    camera.set_frame_interval(0.5)
    assert camera._camera.controls.keys() == advertised
    camera.close()


AUTOFOCUS = {"AfMode", "AfTrigger", "LensPosition"}


@pytest.mark.parametrize(
    ("focus", "controls"),
    [
        ("continuous", {"AfMode": 2}),
        ("auto", {"AfMode": 1, "AfTrigger": 0}),
        (0.5, {"AfMode": 0, "LensPosition": 2.0}),
        (4, {"AfMode": 0, "LensPosition": 0.25}),
    ],
)
def test_the_lens_is_set(picamera2: type[FakePicamera2], focus: str | float, controls: dict[str, object]) -> None:
    """To focus continuously, once, or at a distance: metres become dioptres."""
    picamera2.advertised = AUTOFOCUS
    camera = PiCamera(config=CameraConfig(focus=focus))
    assert camera._camera.controls == controls
    assert camera.supported == {"focus"}


@pytest.mark.parametrize(
    ("advertised", "properties", "area", "share"),
    [
        ({"ScalerCrop"}, {"ColorFilterArrangement": 0}, (0, 0, 3280, 2464), 1.0),
        ({"ScalerCrop"}, {"ColorFilterArrangement": 0}, (1000, 752, 1280, 960), 1280 / 3280),
        ({"ScalerCrop"}, {}, (0, 0, 640, 480), None),
        (set(), {"ColorFilterArrangement": 0}, (0, 0, 3280, 2464), None),
    ],
)
def test_the_share_of_the_sensor_that_is_read(
    picamera2: type[FakePicamera2],
    advertised: set[str],
    properties: dict[str, object],
    area: tuple[int, int, int, int],
    share: float | None,
) -> None:
    """Of a mode that reads only the middle, less than 1; a camera without modes has none."""
    picamera2.advertised, picamera2.properties, picamera2.read_area = advertised, properties, area
    camera = PiCamera()
    assert camera.view_share == (share if share is None else pytest.approx(share, abs=0.001))
    camera.close()


def test_the_exposure_is_compensated(picamera2: type[FakePicamera2]) -> None:
    """Where the camera can."""
    picamera2.advertised = {"ExposureValue"}
    camera = PiCamera(config=CameraConfig(exposure=1.5, focus=2))
    assert camera._camera.controls == {"ExposureValue": 1.5}
    assert camera.supported == {"exposure"}


CAMERA_MODULE_3 = (0, 0, 4608, 2592)


@pytest.mark.parametrize(
    ("area", "zoom", "crop"),
    [
        ((0, 0, 3280, 2464), 2, (820, 617, 1640, 1230)),
        (CAMERA_MODULE_3, 2, (1440, 648, 1728, 1296)),
        ((768, 432, 3072, 1728), 1.5, (1536, 720, 1536, 1152)),
        (CAMERA_MODULE_3, 1, None),
    ],
)
def test_the_sensor_zooms(
    picamera2: type[FakePicamera2], area: tuple[int, int, int, int], zoom: float, crop: tuple[int, ...] | None
) -> None:
    """Before the start, to the middle of what its mode reads, in the picture's shape. Pictures keep their size."""
    picamera2.read_area = area
    for name, expected in (("ScalerCrop", crop), ("ScalerCrops", crop and [crop])):
        picamera2.advertised = {"ScalerCrop", name}
        camera = PiCamera(config=CameraConfig(zoom=zoom))
        assert camera._camera.controls.get(name) == (expected or ([area] if name == "ScalerCrops" else None))
        assert next(camera.frames()).gray.shape == (480, 640)
        camera.close()


def test_a_picture_is_cropped_where_the_sensor_is_not(picamera2: type[FakePicamera2]) -> None:
    """To its middle, which is not copied."""
    del picamera2
    frame = next(PiCamera(config=CameraConfig(zoom=2)).frames())
    assert frame.gray.shape == (240, 320)
    assert (frame.gray == (np.arange(120, 360) % 251)[:, None]).all()
    assert frame.gray.base is not None


@pytest.mark.parametrize(("cameras", "number"), [(1, 0), (2, 0), (2, 1)])
def test_a_camera_is_opened_by_its_number(picamera2: type[FakePicamera2], cameras: int, number: int) -> None:
    """It is counted from 0."""
    picamera2.cameras = cameras
    assert PiCamera(number)._camera.camera_idx == number


@pytest.mark.parametrize(
    ("cameras", "match"),
    [
        (0, "No camera is detected at the Pi's connector"),
        (1, r"no picamera:2: 1 camera is detected, picamera:0;.*--list-cameras"),
        (2, r"no picamera:2: 2 cameras are detected, picamera:0 to picamera:1;.*--list-cameras"),
    ],
)
def test_a_camera_number_that_is_missing_is_named(
    picamera2: type[FakePicamera2], monkeypatch: pytest.MonkeyPatch, cameras: int, match: str
) -> None:
    """With the number of cameras."""
    monkeypatch.setattr(Path, "glob", lambda *_: iter(()))  # whatever /dev holds here
    picamera2.cameras = cameras
    with pytest.raises(InputError, match=match):
        PiCamera(2)


@pytest.mark.parametrize(
    ("properties", "sensor"), [({}, {}), ({"ColorFilterArrangement": 0}, {"output_size": (1640, 1232)})]
)
def test_the_sensor_shows_its_full_view(
    picamera2: type[FakePicamera2], properties: dict[str, object], sensor: dict[str, object]
) -> None:
    """Half its resolution is requested, where it has modes. There is no raw stream, and few buffers."""
    picamera2.properties = properties
    camera = PiCamera()
    config = camera._camera.camera_configuration()
    assert (config["sensor"], config["raw"], config["buffer_count"]) == (sensor, None, 3)


@pytest.mark.parametrize("step", ["configure", "start"])
def test_a_failed_start_gives_the_camera_back(picamera2: type[FakePicamera2], step: str) -> None:
    """The next attempt succeeds."""
    picamera2.failures[step] = RuntimeError("Failed to allocate capture buffers")
    with pytest.raises(InputError, match=r"does not start \(Failed to allocate capture buffers\)"):
        PiCamera()
    picamera2.failures.clear()
    PiCamera().close()


def test_a_failed_start_that_cannot_be_undone_is_a_lost_camera(picamera2: type[FakePicamera2]) -> None:
    """Every retry would fail."""
    picamera2.failures |= {"start": RuntimeError("no memory"), "close": RuntimeError("Camera in Running state")}
    with pytest.raises(LostCameraError, match=r"no memory.*start mien again"):
        PiCamera()


def test_a_close_that_raises_is_a_lost_camera(picamera2: type[FakePicamera2]) -> None:
    """It may still be acquired, so that a retry would fail. The reason is in the sentence."""
    running = CameraThread(PiCamera)
    picamera2.failures["close"] = RuntimeError("Failed to release camera")
    with pytest.raises(LostCameraError, match="Failed to release camera"):
        running.close()


def test_nothing_of_a_closed_camera_stays(picamera2: type[FakePicamera2]) -> None:
    """Its buffers are dropped at once, its heap is not closed twice. Closing again does nothing."""
    del picamera2
    camera = PiCamera()
    allocator = camera._camera.allocator
    allocator.mapped_buffers[0] = bytearray(1)
    camera.close()
    camera.close()
    assert (allocator.mapped_buffers, allocator.closed, allocator.dmaHeap) == ({}, True, None)


def test_no_handler_is_left_for_the_exit(picamera2: type[FakePicamera2], monkeypatch: pytest.MonkeyPatch) -> None:
    """picamera2 closes its camera when the interpreter ends, which hangs where the camera does."""
    del picamera2
    handlers: list[object] = []
    monkeypatch.setattr(atexit, "register", handlers.append)
    monkeypatch.setattr(atexit, "unregister", lambda handler: handlers.remove(handler) if handler in handlers else None)
    camera = PiCamera()
    assert handlers == []
    camera.close()


def descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.mark.parametrize(
    ("fault", "match"), [("no camera", "No camera is detected.*cable"), ("busy", "in use by another")]
)
def test_failed_attempts_leave_nothing_open(picamera2: type[FakePicamera2], fault: str, match: str) -> None:
    """No descriptor, whatever the fault. The sentence names it and what to do."""
    user = PiCamera() if fault == "busy" else None
    picamera2.cameras = int(fault == "busy")
    before = descriptors()
    for _ in range(20):
        with pytest.raises(InputError, match=match):
            PiCamera()
    assert descriptors() == before
    if user is not None:
        user.close()


def test_a_missing_permission_is_named(picamera2: type[FakePicamera2]) -> None:
    """Also where it is hidden in the cause."""
    error = RuntimeError("Camera __init__ sequence did not complete.")
    error.__cause__ = PermissionError(13, "Permission denied", "/dev/dma_heap/vidbuf_cached")
    picamera2.failures["configure"] = error
    with pytest.raises(InputError, match=r"vidbuf_cached.*group video") as refused:
        PiCamera()
    assert refused.value.__cause__ is error


def test_without_picamera2_the_package_to_install_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes from apt."""
    monkeypatch.setitem(sys.modules, "picamera2", None)
    with pytest.raises(InputError, match="apt install python3-picamera2"):
        PiCamera()


@pytest.mark.parametrize(
    ("error", "match"),
    [
        (ModuleNotFoundError("No module named 'libcamera'", name="libcamera"), "lacks a library.*libcamera.*reinstall"),
        (ImportError("libcamera.so.0.4: cannot open shared object file"), "lacks a library.*libcamera.so.0.4"),
        (ValueError("numpy.dtype size changed, may indicate binary incompatibility"), "numpy .*pip install 'numpy"),
    ],
)
def test_a_picamera2_that_does_not_load_is_explained(
    monkeypatch: pytest.MonkeyPatch, error: Exception, match: str
) -> None:
    """A missing library and the wrong numpy are not the cable's fault."""

    class Broken(MetaPathFinder):
        def find_spec(self, name: str, *_: Any) -> None:
            if name == "picamera2":
                raise error

    monkeypatch.delitem(sys.modules, "picamera2", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    with pytest.raises(InputError, match=match):
        PiCamera()
