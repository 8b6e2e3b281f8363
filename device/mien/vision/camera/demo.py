"""The demo's camera: a moving face made of averages over hundreds of people, so of nobody's picture."""

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
"""Seconds that each expression is worn."""

FADE = 0.6
"""Seconds from one expression to the next."""

LEAVING = 4.0
"""Seconds at the end in which the face leaves and the room stays empty."""

LENGTH = STAY * len(Expression) + LEAVING
"""Seconds of the whole scene."""

_WIDTH, _HEIGHT = 640, 480
_INTERVAL = 0.1  # seconds between frames


class DemoCamera:
    """Wears each expression in turn in front of a plain wall, swaying a little, and leaves at the end.

    Drawn in real time: a slow machine gets fewer frames, as from a real camera.
    """

    kind: CameraKind = "replay"

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._clock, self._sleep = clock, sleep
        self._faces = _read_faces()
        self._wall = _wall()

    def frames(self) -> Iterator[Frame]:
        """About ten frames a second for LENGTH seconds."""
        start = self._clock()
        while (at := self._clock() - start) < LENGTH:
            yield Frame(self.draw(at), at)
            self._sleep(max(0.0, _INTERVAL - (self._clock() - start - at)))

    def pace(self, interval: float) -> None:
        """A replay keeps its own."""

    def close(self) -> None:
        """Nothing is held open."""

    def draw(self, at: float) -> NDArray[np.uint8]:
        """The scene at so many seconds, uint8 (480, 640)."""
        frame = self._wall.copy()
        side = round(210 + 20 * math.sin(at * 0.5))
        x = round((_WIDTH - side) / 2 + 60 * math.sin(at * 0.7) + _gone(at) * _WIDTH)
        y = round((_HEIGHT - side) / 2 + 15 * math.sin(at * 1.1))
        visible = min(side, _WIDTH - x)
        if visible > 0:
            face = cv2.resize(self._worn(at), (side, side), interpolation=cv2.INTER_CUBIC)[:, :visible]
            mask = cv2.resize(_OVAL, (side, side))[:, :visible]
            spot = frame[y : y + side, x : x + visible]
            spot[:] = np.clip(spot + mask * (face - spot), 0, 255)
        return frame

    def _worn(self, at: float) -> NDArray[np.float32]:
        """The face of this moment: one expression, or two on the way from one to the next."""
        turn = min(int(at / STAY), len(Expression) - 1)
        if turn == 0:
            return np.asarray(self._faces[0], np.float32)
        new = min(1.0, (at - turn * STAY) / FADE)
        return np.asarray((1 - new) * self._faces[turn - 1] + new * self._faces[turn], np.float32)


def _gone(at: float) -> float:
    """How far the face has left the picture: 0 not at all, 1 wholly."""
    return min(1.0, max(0.0, at - STAY * len(Expression)))


def _read_faces() -> NDArray[np.float32]:
    """The averages in the order of Expression, float32 (7, 96, 96)."""
    data = np.frombuffer((files("mien") / "data" / "demo_faces.png").read_bytes(), np.uint8)
    strip = np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.float32)
    return np.stack(np.split(strip, len(Expression), axis=1))


def _wall() -> NDArray[np.uint8]:
    """A wall with light from the left."""
    return np.tile(np.linspace(150, 90, _WIDTH).astype(np.uint8), (_HEIGHT, 1))


def _oval() -> NDArray[np.float32]:
    """How much of the face shows: all within an oval, fading out at its rim."""
    y, x = np.mgrid[-1:1:96j, -1:1:96j]
    radius = np.hypot(x / 0.92, y / 1.05)
    return np.asarray(np.clip((1 - radius) / 0.12, 0, 1), np.float32)


_OVAL = _oval()
