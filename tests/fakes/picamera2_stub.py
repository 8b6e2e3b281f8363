"""A module picamera2 for programs that tests start: the strict fake, with a picture and the faults of a file.

`install` writes it into a folder for PYTHONPATH. The file $MIEN_TEST_CAMERA is JSON: `picture`, the path of a .npy file
of uint8 (480, 640); `cameras`, `busy`, `frozen`, `read_area` and `delay`, the seconds between two frames.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any, Self

import numpy as np

from tests.fakes import strict_picamera2

SETTINGS: dict[str, Any] = json.loads(Path(os.environ.get("MIEN_TEST_CAMERA", os.devnull)).read_text() or "{}")


class Picamera2(strict_picamera2.FakePicamera2):
    """A Camera v2 with a moved lens."""

    cameras = int(SETTINGS.get("cameras", 1))
    advertised = {"FrameDurationLimits", "ScalerCrop", "AfMode", "LensPosition"}  # noqa: RUF012 # as its base has it
    properties = {"ColorFilterArrangement": 0}  # noqa: RUF012
    read_area = tuple(SETTINGS.get("read_area", (0, 0, 3280, 2464)))
    failures = {"start": RuntimeError("Device or resource busy")} if SETTINGS.get("busy") else {}

    def capture_request(self, wait: float) -> strict_picamera2.FakeRequest:
        time.sleep(SETTINGS.get("delay", 0.07))
        return super().capture_request(wait)


class MappedArray:
    """A buffer with the picture, and a sensor's noise."""

    def __init__(self, _request: object, _stream: str, *, reshape: bool) -> None:
        assert not reshape
        picture = np.load(SETTINGS["picture"]).astype(np.int16)
        if not SETTINGS.get("frozen"):
            picture += np.random.default_rng().integers(-1, 2, picture.shape, dtype=np.int16)
        rows = np.zeros((720, 704), np.uint8)
        rows[:480, :640] = picture.clip(0, 255)
        self.array = rows.reshape(-1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...


def install(folder: Path) -> None:
    """Write the module into a folder."""
    (folder / "picamera2.py").write_text("from tests.fakes.picamera2_stub import MappedArray, Picamera2\n")
