"""The errors of detectors' boxes."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mien.events import Face
from mien.expression import Expression
from mien.vision.crop import resize
from mien.vision.detector import HaarDetector
from mien_training.evaluation.boxes import SAME_FACE, box_error, box_errors, matching_box, moving_face
from tests.conftest import scene
from tests.fakes.detectors import ScriptedDetector

PLACE = Face(100, 80, 200, 200)


def test_an_error_is_relative_to_the_face() -> None:
    """A box twice as wide whose centre is a tenth of the face to the right and a twentieth higher."""
    box = Face(PLACE.x - 80, PLACE.y - 110, 400, 400)
    assert box_error(box, PLACE) == pytest.approx((0.1, -0.05, math.log(2)))


def test_the_box_that_fits_best_counts() -> None:
    """However many are detected; none if they all are elsewhere."""
    elsewhere, near = Face(400, 300, 200, 200), Face(110, 90, 180, 180)
    assert matching_box([elsewhere, Face(150, 150, 200, 200), near], PLACE) == near
    assert matching_box([elsewhere], PLACE) is None
    assert matching_box([], PLACE) is None


def test_a_moving_face_stays_whole() -> None:
    """In every frame the face is where its place is, also at the frame's edge."""
    frame = np.random.default_rng(0).integers(0, 256, (480, 640)).astype(np.uint8)
    place = Face(638 - PLACE.width, 0, PLACE.width, PLACE.height)
    face = frame[: place.height, place.x : place.x + place.width]
    places = []
    for moved, at in moving_face(frame, place, np.random.default_rng(1)):
        assert moved.shape == frame.shape
        assert (moved[at.y : at.y + at.height, at.x : at.x + at.width] == face).all()
        places.append(at)
    assert places[0] == place
    assert len(set(places)) > 1


def test_detected_faces_have_small_errors() -> None:
    """The demo's faces in every kind of search."""
    faces = np.stack([resize(scene(one)[120:360, 200:440]) for one in Expression])
    for errors in box_errors(HaarDetector(60), faces[..., np.newaxis]).values():
        assert errors.shape[1] == 3
        assert len(errors) >= 3
        assert np.abs(np.median(errors, axis=0)).max() < 0.25


def test_misses_have_no_errors() -> None:
    """Boxes in the corner of the frame, whatever it shows, are no errors of any face's box."""
    detector = ScriptedDetector([Face(0, 0, 10, 10)])
    faces = np.zeros((2, 48, 48, 1), np.uint8)
    assert {errors.shape for errors in box_errors(detector, faces).values()} == {(0, 3)}
    assert 0 < SAME_FACE < 0.5
