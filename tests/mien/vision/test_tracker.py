"""The face tracker, on scenes drawn around the demo's face."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.events import Face
from mien.expression import Expression
from mien.vision.detector import FaceDetector, HaarDetector, overlap
from mien.vision.tracker import DETECT_EVERY, FaceTrack, FaceTracker
from tests.conftest import scene
from tests.fakes.detectors import CountingDetector, ScriptedDetector
from tests.fakes.scenes import empty_scene, shifted_scene

SMALL, LARGE, HUGE = Face(0, 0, 80, 80), Face(200, 0, 90, 90), Face(400, 0, 160, 160)
BLANK = np.zeros((480, 640), np.uint8)


def test_a_face_is_followed_without_full_scans(detector: FaceDetector) -> None:
    """Eight seconds of a moving face take a scan to find it, one rescan, and two searches a second near the face.

    The box stays on the face all the same.
    """
    counting = CountingDetector(detector)
    tracker = FaceTracker(counting)
    start = detector.detect(shifted_scene(0))[0]
    for index in range(80):
        shift = round(100 * np.sin(index / 12))
        [face] = tracker.update(shifted_scene(shift), index / 10)
        expected = Face(start.x + shift, start.y, start.width, start.height)
        assert overlap(face, expected) > 0.7
    assert counting.scans <= 3
    assert counting.near_searches <= 8 / DETECT_EVERY


def test_a_face_that_has_left_is_dropped(detector: FaceDetector) -> None:
    """Its template fits nowhere in an empty room, so it is dropped in the first frame without it."""
    tracker = FaceTracker(detector)
    assert len(tracker.update(shifted_scene(0), 0.0)) == 1
    assert tracker.update(empty_scene(), 0.1) == ()


def test_the_box_of_an_approaching_face_grows(detector: FaceDetector) -> None:
    """A template keeps its size, the detector does not: a face that grows by half in three seconds stays framed."""
    tracker = FaceTracker(detector)
    for index in range(31):
        zoom = cv2.getRotationMatrix2D((320, 240), 0.0, 1 + index / 60)
        gray = np.asarray(cv2.warpAffine(scene(), zoom, (640, 480), borderMode=cv2.BORDER_REPLICATE), np.uint8)
        [face] = tracker.update(gray, index / 10)
        assert overlap(face, detector.detect(gray)[0]) > 0.6


@settings(max_examples=40, deadline=None)
@given(st.integers(-40, 40), st.integers(-40, 40), st.integers(-30, 30))
def test_a_moved_face_is_relocated(right: int, down: int, lighter: int) -> None:
    """Up to a quarter of its width away and in another light, to within a thirtieth; its size and its time stay."""
    gray = scene()
    start = FaceTrack.start(gray, Face(213, 133, 210, 210), at=3.0)
    lit = np.clip(np.roll(gray, (down, right), axis=(0, 1)).astype(np.int16) + lighter, 0, 255).astype(np.uint8)
    track = start.relocate(lit)
    assert track is not None
    assert (track.face.width, track.face.height, track.detected_at) == (210, 210, 3.0)
    assert abs(track.face.x - 213 - right) <= 7
    assert abs(track.face.y - 133 - down) <= 7


@settings(max_examples=30, deadline=None)
@given(st.integers(-100, 700), st.integers(-100, 500), st.integers(1, 600), st.integers(0, 255))
def test_a_template_without_features_is_not_matched(x: int, y: int, side: int, level: int) -> None:
    """Wherever the box lies, an even grey is not taken for the face."""
    gray = np.full((480, 640), level, np.uint8)
    assert FaceTrack.start(gray, Face(x, y, side, side), at=0.0).relocate(gray) is None


def test_a_returning_face_is_detected_in_half_a_second(detector: FaceDetector) -> None:
    """Motion triggers a scan in an empty room."""
    tracker = FaceTracker(detector)
    empty = empty_scene()
    for index in range(100):
        assert tracker.update(empty, index / 10) == ()
    assert any(tracker.update(shifted_scene(0), 10 + index / 10) for index in range(5))


def test_an_empty_room_costs_few_scans(detector: FaceDetector) -> None:
    """Without motion, a minute with a sensor's noise takes a scan every two seconds."""
    counting, noise = CountingDetector(detector), np.random.default_rng(1)
    tracker = FaceTracker(counting)
    wall = np.tile(np.linspace(60, 180, 640).astype(np.uint8), (480, 1))
    for index in range(300):
        tracker.update(wall + noise.integers(0, 8, wall.shape, dtype=np.uint8), index / 5)
    assert counting.scans <= 35


def test_the_largest_face_is_followed_until_a_much_larger_one_comes() -> None:
    """A face a little larger does not replace it; one that is much larger does, at the next rescan."""
    detector = ScriptedDetector([SMALL])
    tracker = FaceTracker(detector)
    assert tracker.update(BLANK, 0.0) == (SMALL,)
    detector.faces = [LARGE, SMALL]
    assert tracker.update(BLANK, 6.0) == (SMALL,)
    detector.faces = [HUGE, LARGE, SMALL]
    assert tracker.update(BLANK, 12.0) == (HUGE,)


def test_all_faces_are_followed_on_request() -> None:
    """With all_faces, all in view are returned, the largest first."""
    tracker = FaceTracker(ScriptedDetector([SMALL, HUGE, LARGE]), all_faces=True)
    assert tracker.update(BLANK, 0.0) == (HUGE, LARGE, SMALL)


@pytest.mark.parametrize("expression", Expression)
def test_a_followed_face_keeps_its_size(expression: Expression) -> None:
    """Each search near the last box starts from that box: errors of a few percent would add up."""
    gray, tracker = scene(expression), FaceTracker(HaarDetector(60))
    widths = [tracker.update(gray, number * DETECT_EVERY)[0].width for number in range(9)]
    assert widths == pytest.approx([widths[0]] * len(widths), rel=0.06)
