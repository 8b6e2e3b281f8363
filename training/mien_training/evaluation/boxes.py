"""The errors of detectors' boxes on faces in composite frames, from which `augment.BOX_ERRORS` was measured."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.events import Face
from mien.vision.detector import FaceDetector, overlap
from mien.vision.tracker import FaceTracker
from mien_training.evaluation.crop_margin import compose

SAME_FACE = 0.3
"""Overlap from which on a box is the face's: a face that fills its picture has no certain edge."""

_FRAMES = 6  # in which a face is followed: the detector confirms it twice
_INTERVAL = 0.2  # seconds between them
_SPEED = 0.03  # standard deviation of a moving face's steps, in its widths


def box_errors(detector: FaceDetector, faces: NDArray[np.uint8]) -> dict[str, NDArray[np.float64]]:
    """Return the errors of the boxes of the faces that are detected, float64 (count, 3), by kind of search.

    faces: uint8 (count, 48, 48, 1), placed in frames by `crop_margin.compose`. An error is the distance of the box's
    centre from the face's, x and y, in the face's widths, and the logarithm of the box's width in the face's widths.
    The kinds: "whole frame"; "near", where the last box was that one; "followed", by the tracker while the face moves.
    """
    errors: dict[str, list[tuple[float, float, float]]] = {"whole frame": [], "near": [], "followed": []}
    for index, face in enumerate(faces):
        frame, place = compose(face[:, :, 0], np.random.default_rng(index))
        box = matching_box(detector.detect(frame), place)
        again = box and detector.detect_near(frame, box)
        boxes = {"whole frame": (box, place), "near": (again and matching_box([again], place), place)}
        tracker = FaceTracker(detector)
        for number, (moved, its_place) in enumerate(moving_face(frame, place, np.random.default_rng((index, 1)))):
            boxes["followed"] = matching_box(tracker.update(moved, number * _INTERVAL), its_place), its_place
        for search, (detected, true) in boxes.items():
            if detected is not None:
                errors[search].append(box_error(detected, true))
    return {search: np.reshape(rows, (-1, 3)).astype(np.float64) for search, rows in errors.items()}


def matching_box(boxes: Sequence[Face], place: Face) -> Face | None:
    """Return the box that overlaps a face's place most; None if none is on the face."""
    best = max(boxes, key=lambda box: overlap(box, place), default=None)
    return best if best is not None and overlap(best, place) >= SAME_FACE else None


def box_error(box: Face, place: Face) -> tuple[float, float, float]:
    """Return x, y and the logarithm of the width of a box, relative to the face's place."""
    x = box.x + box.width / 2 - place.x - place.width / 2
    y = box.y + box.height / 2 - place.y - place.height / 2
    return x / place.width, y / place.width, math.log(box.width / place.width)


def moving_face(
    frame: NDArray[np.uint8], place: Face, rng: np.random.Generator
) -> Iterator[tuple[NDArray[np.uint8], Face]]:
    """Yield frames in which a frame's face moves at random over a smooth background, and its places."""
    height, width = frame.shape
    face = frame[place.y : place.y + place.height, place.x : place.x + place.width]
    coarse = rng.integers(60, 180, (6, 8)).astype(np.uint8)
    background = np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)
    for _ in range(_FRAMES):
        moved = background.copy()
        moved[place.y : place.y + place.height, place.x : place.x + place.width] = face
        yield moved, place
        x, y = rng.normal((place.x, place.y), _SPEED * place.width).round().astype(int).tolist()
        x, y = min(max(0, x), width - place.width), min(max(0, y), height - place.height)
        place = Face(x, y, place.width, place.height)
