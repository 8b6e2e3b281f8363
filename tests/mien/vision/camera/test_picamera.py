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
