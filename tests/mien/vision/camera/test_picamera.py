"""The Pi's camera, against a fake of picamera2."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest

from mien.errors import InputError
from mien.vision.camera.picamera import PiCamera
from tests.fakes.cameras import FakeMappedArray, FakePicamera2


@pytest.fixture
def picamera2(monkeypatch: pytest.MonkeyPatch) -> type[FakePicamera2]:
    """A class of this test's own in the place of picamera2.Picamera2."""
    fake = type("Fake", (FakePicamera2,), {})
    module = types.ModuleType("picamera2")
    module.Picamera2, module.MappedArray = fake, FakeMappedArray  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "picamera2", module)
    return fake


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


def test_without_picamera2_the_package_to_install_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes from apt."""
    monkeypatch.setitem(sys.modules, "picamera2", None)
    with pytest.raises(InputError, match="apt install python3-picamera2"):
        PiCamera()
