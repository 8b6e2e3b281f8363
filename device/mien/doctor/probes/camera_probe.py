"""The camera as it is now: whether it opens, its frames, its picture, and the face in it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.config import CameraConfig, VisionConfig
from mien.doctor.facts import CameraFacts
from mien.errors import MienError
from mien.events import Face, Frame
from mien.vision.camera.base import Camera
from mien.vision.camera.open import open_camera
from mien.vision.camera.orientation import open_oriented
from mien.vision.crop import to_input
from mien.vision.detector import FaceDetector, HaarDetector
from mien.vision.quality import assess_quality
from mien.vision.recognizer import open_detector

WARM_UP = 1.2
"""Seconds of frames before the picture counts: a camera needs them to adjust its exposure and its lens."""

DURATION = 2.5
"""Seconds of frames in all."""

MAX_FRAMES = 60
"""Of a replay, which comes as fast as it is read."""

_SEARCHES = 5  # frames at the end in which a face is looked for
_BURNT = 250  # grey level from which on a pixel shows nothing but white
_SMALL = (320, 240)  # width and height of the picture whose sharpness is measured
_TILE = 30  # pixels of it
_MIN_CONTRAST = 10.0  # grey levels: the standard deviation of a tile that shows anything


def probe_camera(
    camera_config: CameraConfig,
    vision_config: VisionConfig,
    progress: Callable[[CameraFacts], None],
    opener: Callable[[CameraConfig], Camera] = open_camera,
    clock: Callable[[], float] = time.monotonic,
) -> CameraFacts:
    """Open the camera, look at a few seconds of its frames, and close it. progress: called with the facts so far."""
    facts = CameraFacts()
    progress(facts)
    opened: list[Camera] = []

    def open_and_keep() -> Camera:
        opened.append(opener(camera_config))
        return opened[-1]

    try:
        camera = open_oriented(open_and_keep, camera_config.rotation, mirror=camera_config.mirror)
    except MienError as error:
        facts.fault = str(error)
        return facts
    facts.step, facts.kind = "frames", camera.kind
    facts.view_share = getattr(opened[0], "view_share", None)
    facts.moved_lens = "focus" in getattr(opened[0], "supported", ())
    progress(facts)
    try:
        _read_frames(camera, facts, _open_detector(vision_config), clock)
    except MienError as error:
        facts.fault = str(error)
        return facts
    finally:
        with contextlib.suppress(Exception):  # what does not close ends with this process
            camera.close()
    facts.step = "done"
    return facts


def _open_detector(config: VisionConfig) -> FaceDetector:
    """Return the configured detector, or the cascade where that is broken, which is not the camera's fault."""
    try:
        return open_detector(config)
    except MienError:
        return HaarDetector(config.min_face)


def _read_frames(camera: Camera, facts: CameraFacts, detector: FaceDetector, clock: Callable[[], float]) -> None:
    """Read frames and fill in the facts. Raises MienError."""
    began = clock()
    first, searched = 0.0, 0
    mean = np.zeros(_SMALL[::-1], np.float32)
    previous: NDArray[np.uint8] | None = None
    facts.constant = True
    for frame in camera.frames():
        first = first if facts.frames else frame.at
        facts.frames, facts.duration = facts.frames + 1, frame.at - first
        sample = frame.gray[::16, ::16]
        facts.constant = facts.constant and (previous is None or np.array_equal(sample, previous))
        previous = sample.copy()
        live = camera.kind == "live"
        if searched < _SEARCHES and (not live or clock() - began >= WARM_UP):
            searched += 1
            mean += (shrink(frame.gray) - mean) / searched
            facts.sharpness = measure_sharpness(mean)
            _measure(frame, facts, detector)
        if (live and clock() - began >= DURATION) or (not live and facts.frames >= MAX_FRAMES):
            return


def _measure(frame: Frame, facts: CameraFacts, detector: FaceDetector) -> None:
    """Take the facts of a frame; those of its face only where it is the best so far."""
    gray = frame.gray
    facts.height, facts.width = gray.shape
    facts.mean, facts.brightest = float(gray.mean()), int(gray.max())
    facts.burnt = float((gray >= _BURNT).mean())
    faces = detector.detect(gray)
    if faces and faces[0].width > facts.face_side:
        facts.faces, facts.face_side, facts.face_fault = len(faces), faces[0].width, _find_fault(gray, faces[0])


def _find_fault(gray: NDArray[np.uint8], face: Face) -> str:
    """Return what makes this face hard to read, one of quality.REASONS, or nothing."""
    quality = assess_quality(face, gray.shape, to_input(gray, face, 0.0))
    return quality.reason if quality.weight < 0.5 else ""


def measure_sharpness(small: NDArray[np.float32]) -> float | None:
    """Return how sharp the sharpest tenth of a picture is, independent of its contrast; None for a plain one.

    small: grey, float32 (240, 320), the mean of some frames, since noise looks like sharpness. For each of its tiles
    that shows anything, the standard deviation of the Laplacian of a Gaussian of 1 pixel over the tile's own. Photos in
    focus give 0.3 to 0.7; blurred by a Gaussian of 4, 6 and 8 pixels of 640 they give 0.13 to 0.21, 0.08 to 0.13, and
    0.05 to 0.08. The demo's face, a mean of many, gives 0.09.
    """
    edges = cv2.Laplacian(cv2.GaussianBlur(small, (0, 0), 1.0), cv2.CV_32F)
    ratios = []
    for top in range(0, small.shape[0], _TILE):
        for left in range(0, small.shape[1], _TILE):
            tile = slice(top, top + _TILE), slice(left, left + _TILE)
            contrast = float(small[tile].std())
            if contrast >= _MIN_CONTRAST:
                ratios.append(float(edges[tile].std()) / contrast)
    return float(np.percentile(ratios, 90)) if ratios else None


def shrink(gray: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return a frame as `measure_sharpness` takes it."""
    return cv2.resize(gray, _SMALL, interpolation=cv2.INTER_AREA).astype(np.float32)
