"""Cameras for tests: one that fails in a chosen way, and picamera2's classes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Self

import numpy as np
from numpy.typing import NDArray

from mien.errors import InputError
from mien.events import Frame
from mien.vision.camera.base import CameraKind

NOISE = np.random.default_rng(0)
"""Drawn from for pictures that all differ."""


def noisy_picture() -> NDArray[np.uint8]:
    """Return a grey picture with a sensor's noise, uint8 (240, 320), without a face."""
    return NOISE.integers(90, 110, (240, 320)).astype(np.uint8)


class FakeCamera:
    """A camera that delivers `count` frames, ten a second on a clock of its own, and then calls `then`.

    picture: returns each frame's picture.
    """

    kind: CameraKind = "live"

    def __init__(
        self,
        count: int = 5,
        *,
        then: Callable[[], object] | None = None,
        picture: Callable[[], NDArray[np.uint8]] = noisy_picture,
    ) -> None:
        self._count, self._then, self._picture = count, then, picture
        self.closed = threading.Event()

    def frames(self) -> Iterator[Frame]:
        for index in range(self._count):
            yield Frame(self._picture(), index / 10)
        if self._then is not None:
            self._then()

    def set_frame_interval(self, interval: float) -> None:
        assert interval > 0

    def close(self) -> None:
        self.closed.set()


def hang() -> None:
    """Block as a driver does that never returns: for longer than any test."""
    threading.Event().wait(30)


def fail() -> None:
    """Raise what a camera raises that was unplugged."""
    raise InputError("The camera has gone: plug it in.")


def open_missing_camera() -> FakeCamera:
    """Raise what a missing camera raises when it is opened."""
    raise InputError("There is no camera: plug it in.")


class FakePicamera2:
    """picamera2's class: a stream with padded rows, whose size and stride a test may choose."""

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
