"""The demo's camera: a moving face made of averages over hundreds of people, so not a picture of any person."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from importlib.resources import files

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.events import Frame
from mien.expression import Expression
from mien.vision.camera.base import CameraKind

STAY = 5.0
"""Seconds for which each expression is shown."""

FADE = 0.6
"""Seconds of the cross-fade from one expression to the next."""

LEAVING = 4.0
"""Seconds at the end in which the face leaves and the scene stays empty."""

LENGTH = STAY * len(Expression) + LEAVING
"""Seconds of the whole scene."""

_WIDTH, _HEIGHT = 640, 480
_INTERVAL = 0.1  # seconds between frames


class DemoCamera:
    """Shows each expression in turn on a swaying face in front of a plain wall; the face leaves at the end.

    Drawn in real time: a slow machine gets fewer frames, as from a real camera.
    """

    kind: CameraKind = "replay"

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        """clock: returns seconds. sleep: waits for some seconds on that clock."""
        self._clock, self._sleep = clock, sleep
        self._faces = _read_faces()
        self._wall = _draw_wall()

    def frames(self) -> Iterator[Frame]:
        """Yield about ten frames a second for LENGTH seconds."""
        start = self._clock()
        while (at := self._clock() - start) < LENGTH:
            yield Frame(self.draw(at), at)
            self._sleep(max(0.0, _INTERVAL - (self._clock() - start - at)))

    def set_frame_interval(self, interval: float) -> None:
        """Do nothing: a replay keeps its own interval."""

    def close(self) -> None:
        """Do nothing: no device is open."""

    def draw(self, at: float) -> NDArray[np.uint8]:
        """Return the scene at a time in seconds, uint8 (480, 640)."""
        frame = self._wall.copy()
        side = round(210 + 20 * math.sin(at * 0.5))
        x = round((_WIDTH - side) / 2 + 60 * math.sin(at * 0.7) + _left_share(at) * _WIDTH)
        y = round((_HEIGHT - side) / 2 + 15 * math.sin(at * 1.1))
        visible = min(side, _WIDTH - x)
        if visible > 0:
            face = cv2.resize(self._face(at), (side, side), interpolation=cv2.INTER_CUBIC)[:, :visible]
            mask = cv2.resize(_MASK, (side, side))[:, :visible]
            spot = frame[y : y + side, x : x + visible]
            spot[:] = np.clip(spot + mask * (face - spot), 0, 255)
        return frame

    def _face(self, at: float) -> NDArray[np.float32]:
        """Return the face at a time, float32 (96, 96): one expression, or a blend while one fades into the next."""
        turn = min(int(at / STAY), len(Expression) - 1)
        if turn == 0:
            return np.asarray(self._faces[0], np.float32)
        new = min(1.0, (at - turn * STAY) / FADE)
        return np.asarray((1 - new) * self._faces[turn - 1] + new * self._faces[turn], np.float32)


def _left_share(at: float) -> float:
    """Return how far the face has left the picture: 0 not at all, 1 wholly."""
    return min(1.0, max(0.0, at - STAY * len(Expression)))


def _read_faces() -> NDArray[np.float32]:
    """Return the average faces in the order of Expression, float32 (7, 96, 96)."""
    data = np.frombuffer((files("mien") / "data" / "demo_faces.png").read_bytes(), np.uint8)
    strip = np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.float32)
    return np.stack(np.split(strip, len(Expression), axis=1))


def _draw_wall() -> NDArray[np.uint8]:
    """Return a wall with light from the left, uint8 (480, 640)."""
    return np.tile(np.linspace(150, 90, _WIDTH).astype(np.uint8), (_HEIGHT, 1))


def _oval_mask() -> NDArray[np.float32]:
    """Return the face's opacity, float32 (96, 96): 1 within an oval, falling to 0 at its rim."""
    y, x = np.mgrid[-1:1:96j, -1:1:96j]
    radius = np.hypot(x / 0.92, y / 1.05)
    return np.asarray(np.clip((1 - radius) / 0.12, 0, 1), np.float32)


_MASK = _oval_mask()
