"""picamera2's classes for tests without libcamera. They refuse what the real ones refuse, with the same exceptions.

test_real_picamera2.py compares them. The fake alone also refuses to start before it is configured: the real one then
configures a stream of another format, which is never what mien wants.
"""

from __future__ import annotations

import atexit
import os
from typing import Any, ClassVar, Self

import numpy as np


class FakeAllocator:
    """picamera2's DmaAllocator: the buffers' mappings, which it frees late."""

    def __init__(self) -> None:
        self.mapped_buffers: dict[int, bytearray] = {}
        self.mapped_buffers_used: dict[int, bool] = {}
        self.dmaHeap: object | None = object()
        self.closed = False

    def close(self) -> None:
        self.closed = True


class FakePicamera2:
    """picamera2's class: one camera that only one object can acquire, and a stream with padded rows.

    A test may choose the class attributes: the stream's size and stride, whether requests time out, how many cameras
    there are, what they advertise, the part of the sensor that is read (left, top, width, height), and an exception for
    one of the steps ("configure", "start", "close").
    """

    size, stride, timeout = (640, 480), 704, False
    cameras = 1
    advertised: ClassVar[set[str]] = {"FrameDurationLimits"}
    properties: ClassVar[dict[str, object]] = {"Model": "fake"}
    sensor_resolution = (3280, 2464)
    read_area = (0, 0, 3280, 2464)
    failures: ClassVar[dict[str, Exception]] = {}
    owner: ClassVar[FakePicamera2 | None] = None
    """The object that has acquired the camera."""

    def __init__(self, camera_num: int = 0) -> None:
        self.notifyme_r, self.notifyme_w = os.pipe2(os.O_NONBLOCK)
        self.notifymeread = os.fdopen(self.notifyme_r, "rb")
        self.is_open = self.started = False
        self.camera_config: dict[str, Any] = {}
        self.controls: dict[str, object] = {}
        self.requests = 0
        if camera_num >= len(self.global_camera_info()):
            raise RuntimeError(
                f'No camera number {camera_num} found - use "rpicam-hello --list-cameras" to check connected cameras'
            )
        self.camera_idx = camera_num
        if FakePicamera2.owner is not None:
            busy = RuntimeError("Failed to acquire camera: Device or resource busy")
            raise RuntimeError("Camera __init__ sequence did not complete.") from busy
        FakePicamera2.owner = self
        self.is_open = True
        atexit.register(self.close)
        self.allocator = FakeAllocator()

    @classmethod
    def global_camera_info(cls) -> list[dict[str, object]]:
        return [{"Num": number, "Id": f"fake{number}"} for number in range(cls.cameras)]

    @property
    def camera_controls(self) -> dict[str, tuple[Any, Any, Any]]:
        if not self.is_open:
            return {}
        area = self.read_area if self.camera_config else (0, 0, 65535, 65535)  # unknown until a mode is chosen
        return {name: (area, area, area) if "Crop" in name else (0, 0, 0) for name in self.advertised}

    @property
    def camera_properties(self) -> dict[str, object]:
        return self.properties if self.is_open else {}

    def create_video_configuration(
        self, main: dict[str, Any], raw: object, buffer_count: int, controls: dict[str, Any], sensor: dict[str, Any]
    ) -> dict[str, Any]:
        if not self.is_open:
            raise RuntimeError("Camera not opened")
        for key in main.keys() - {"format", "size", "stride", "preserve_ar"}:
            raise ValueError(f"Bad key {key!r}: valid stream configuration keys are format, size, stride, preserve_ar")
        return {"main": main, "raw": raw, "buffer_count": buffer_count, "controls": controls, "sensor": sensor}

    def configure(self, config: dict[str, Any]) -> None:
        if not self.is_open:
            raise AttributeError("'NoneType' object has no attribute 'generate_configuration'")
        if self.started:
            raise RuntimeError("Camera must be stopped before configuring")
        self.camera_config = {}
        if bad := set(config["sensor"] or ()) - {"bit_depth", "output_size"}:
            raise RuntimeError(f"Unexpected keys {bad} in sensor configuration")
        self._fail("configure")
        self.controls = {}
        self.set_controls(config["controls"])
        self.camera_config = {**config, "main": {**config["main"], "size": self.size, "stride": self.stride}}
        if "ScalerCrops" in self.advertised:
            self.set_controls({"ScalerCrops": [self.read_area]})

    def camera_configuration(self) -> dict[str, Any]:
        return self.camera_config

    def start(self) -> None:
        if not self.camera_config:
            raise RuntimeError("Camera has not been configured")
        self._fail("start")
        self.started = True

    def set_controls(self, controls: dict[str, object]) -> None:
        for name in controls:
            if name not in self.camera_controls:
                raise RuntimeError(f"Control {name} is not advertised by libcamera")
        self.controls |= controls

    def capture_request(self, wait: float) -> FakeRequest:
        if self.timeout or not self.started:  # the real one waits for a frame that never comes
            raise TimeoutError(wait)
        self.requests += 1
        return FakeRequest(self)

    def cancel_all_and_flush(self) -> None:
        """Do nothing: no job is waiting."""

    def close(self) -> None:
        atexit.unregister(self.close)
        if not self.is_open:
            return
        self._fail("close")
        FakePicamera2.owner = None
        self.is_open = self.started = False
        self.camera_config = {}
        self.notifymeread.close()
        os.close(self.notifyme_w)
        del self.allocator
        self.allocator = FakeAllocator()

    def _fail(self, step: str) -> None:
        if step in self.failures:
            raise self.failures[step]


class FakeRequest:
    """A completed request, to be released once."""

    def __init__(self, camera: FakePicamera2) -> None:
        self._camera, self._uses = camera, 1

    def release(self) -> None:
        self._uses -= 1
        if self._uses < 0:
            raise RuntimeError("CompletedRequest: lock now has negative ref_count")
        self._camera.requests -= 1


class FakeMappedArray:
    """picamera2's view of a buffer: rows whose padding is white, which no frame may show."""

    def __init__(self, _request: object, _stream: str, *, reshape: bool) -> None:
        rows = np.zeros((720, 704), np.uint8)
        rows[:480, :640] = np.arange(480, dtype=np.uint16)[:, None] % 251
        rows[:480, 640:] = 255
        self.array = rows.reshape(-1)
        assert not reshape

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...
