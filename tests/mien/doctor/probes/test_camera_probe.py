"""The probe of the camera: real frames of real and fake cameras."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from mien.config import CameraConfig, VisionConfig
from mien.doctor.facts import CameraFacts
from mien.doctor.probes.camera_probe import measure_sharpness, probe_camera, shrink
from mien.errors import InputError
from mien.events import Frame
from mien.vision.camera.base import Camera, CameraKind
from tests.conftest import scene
from tests.fakes.strict_picamera2 import FakeMappedArray, FakePicamera2

HAAR = VisionConfig(detector="haar")


class SteppedCamera:
    """A live camera whose frames move the clock that the probe reads."""

    kind: CameraKind = "live"

    def __init__(self, picture: Callable[[], NDArray[np.uint8]], interval: float = 0.1, count: int = 1000) -> None:
        self._picture, self._interval, self._count = picture, interval, count
        self.now, self.closed = 0.0, False

    def clock(self) -> float:
        return self.now

    def frames(self) -> Iterator[Frame]:
        for _ in range(self._count):
            self.now += self._interval
            yield Frame(self._picture(), self.now)
        raise InputError("The camera delivered no picture for 5 s: check its cable.")

    def set_frame_interval(self, interval: float) -> None: ...

    def close(self) -> None:
        self.closed = True
        raise OSError("it does not close")


def noisy(picture: NDArray[np.uint8]) -> Callable[[], NDArray[np.uint8]]:
    rng = np.random.default_rng(0)

    def next_picture() -> NDArray[np.uint8]:
        return np.asarray(np.clip(picture + rng.normal(0, 2, picture.shape), 0, 255), np.uint8)

    return next_picture


def probe(camera: SteppedCamera) -> CameraFacts:
    def opener(_config: CameraConfig) -> Camera:
        return camera

    facts = probe_camera(CameraConfig(), HAAR, lambda _: None, opener, camera.clock)
    assert camera.closed
    return facts


def test_a_face_in_view() -> None:
    """All facts of a live camera, and it is closed even where that fails."""
    facts = probe(SteppedCamera(noisy(scene())))
    assert (facts.step, facts.fault, facts.kind) == ("done", "", "live")
    assert (facts.width, facts.height, facts.frames) == (640, 480, 25)
    assert facts.fps == pytest.approx(10)
    assert not facts.constant
    assert 35 < facts.mean < 220
    assert facts.burnt < 0.1
    assert (facts.faces, facts.face_fault) == (1, "")
    assert facts.face_side > 100


def test_black_frozen_and_slow_pictures() -> None:
    """Each leaves its own trace."""
    facts = probe(SteppedCamera(lambda: np.full((480, 640), 16, np.uint8), interval=1.0))
    assert (facts.brightest, facts.constant, facts.faces) == (16, True, 0)
    assert facts.fps == pytest.approx(1)
    assert probe(SteppedCamera(lambda: np.full((480, 640), 255, np.uint8))).burnt == 1


def test_a_camera_that_stops_keeps_its_facts() -> None:
    """The fault is a sentence, and the step shows that it had opened."""
    facts = probe(SteppedCamera(noisy(scene()), count=3))
    assert (facts.step, facts.frames) == ("frames", 3)
    assert "no picture for 5 s" in facts.fault


def test_a_camera_that_does_not_open() -> None:
    """The fault is the camera's own sentence."""
    facts = probe_camera(CameraConfig(source="/dev/video99"), HAAR, lambda _: None)
    assert facts.step == "open"
    assert facts.fault == "There is no /dev/video99: plug the camera in, or choose another with --camera."


def test_replays_end_soon(photo: Path) -> None:
    """The demo and photos are read as fast as they come, sixty frames at most."""
    demo = probe_camera(CameraConfig(source="demo"), HAAR, lambda _: None)
    assert (demo.step, demo.frames, demo.faces) == ("done", 60, 1)
    stills = probe_camera(CameraConfig(source=str(photo)), HAAR, lambda _: None)
    assert (stills.kind, stills.frames, stills.faces) == ("stills", 20, 1)


def test_a_dark_face_is_hard_to_read() -> None:
    """As the quality gate judges it."""
    facts = probe(SteppedCamera(noisy(np.asarray(scene() * 0.12, np.uint8))))
    assert (facts.faces, facts.face_fault) == (1, "dark")


def test_the_pi_camera_reports_its_view(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mode that reads only the middle of the sensor is detected, through picamera2's own interface."""

    class Cropped(FakePicamera2):
        advertised = {"FrameDurationLimits", "ScalerCrop", "AfMode"}  # noqa: RUF012 # as its base has it
        properties = {"ColorFilterArrangement": 0}  # noqa: RUF012
        read_area = (1000, 752, 1280, 960)

    module = types.ModuleType("picamera2")
    module.Picamera2, module.MappedArray = Cropped, FakeMappedArray  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "picamera2", module)
    now = iter(np.arange(0, 100, 0.1))
    facts = probe_camera(CameraConfig(), HAAR, lambda _: None, clock=lambda: float(next(now)))
    assert (facts.step, facts.moved_lens) == ("done", True)
    assert facts.view_share == pytest.approx(0.39, abs=0.001)
    assert FakePicamera2.owner is None


def test_sharpness_falls_with_blur_alone() -> None:
    """Contrast, brightness and noise hardly change it, and a plain wall has none."""
    rng = np.random.default_rng(0)
    edges = cv2.resize(rng.integers(0, 2, (24, 32)).astype(np.uint8) * 120, (640, 480), interpolation=cv2.INTER_NEAREST)
    pictures = [
        np.asarray(cv2.GaussianBlur(edges, (0, 0), sigma) if sigma else edges, np.uint8) for sigma in (0, 2, 4, 8)
    ]
    values = [measure_sharpness(shrink(picture)) or 0.0 for picture in pictures]
    assert values == sorted(values, reverse=True)
    assert values[0] > 0.2
    assert 0 < values[-1] < 0.08
    for picture, value in zip(pictures, values, strict=True):
        half = np.asarray(picture // 2 + 60, np.uint8)
        assert measure_sharpness(shrink(half)) == pytest.approx(value, rel=0.05)
        frames = [shrink(noisy(picture)()) for _ in range(5)]
        assert measure_sharpness(np.asarray(np.mean(frames, axis=0), np.float32)) == pytest.approx(
            value, rel=0.1, abs=0.015
        )
    assert measure_sharpness(shrink(np.full((480, 640), 90, np.uint8))) is None
