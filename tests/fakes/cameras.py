"""A camera for tests that fails in a chosen way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

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
