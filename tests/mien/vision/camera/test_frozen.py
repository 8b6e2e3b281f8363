"""The detection of frozen frames."""

from __future__ import annotations

import numpy as np
import pytest

from mien.errors import InputError
from mien.events import Frame
from mien.vision.camera import frozen
from mien.vision.camera.frozen import FROZEN_AFTER, MIN_FRAMES, FrozenFrameDetector
from tests.fakes.cameras import noisy_picture


def test_the_time_is_the_documented_one() -> None:
    """Ten seconds."""
    assert frozen.FROZEN_AFTER == 10.0


def test_equal_frames_of_a_live_camera_are_a_fault() -> None:
    """From FROZEN_AFTER seconds on, which opening the camera again may cure."""
    detector, picture = FrozenFrameDetector("live"), noisy_picture()
    for second in range(round(FROZEN_AFTER)):
        assert detector.check(Frame(picture, float(second))) is False
    with pytest.raises(InputError, match="frozen"):
        detector.check(Frame(picture, FROZEN_AFTER))


def test_equal_frames_of_a_replay_are_reported_until_they_change() -> None:
    """A video may show a still picture, so its replay goes on."""
    detector, picture = FrozenFrameDetector("replay"), noisy_picture()
    changes = [detector.check(Frame(picture, float(second))) for second in range(15)]
    assert changes.index(True) == round(FROZEN_AFTER)
    assert "frozen" in detector.fault
    assert detector.check(Frame(noisy_picture(), 15.0)) is True
    assert detector.fault == ""


def test_few_frames_are_no_evidence() -> None:
    """Of a slow camera MIN_FRAMES must be equal, however long that takes."""
    detector, picture = FrozenFrameDetector("live"), noisy_picture()
    for index in range(MIN_FRAMES):
        assert detector.check(Frame(picture, index * FROZEN_AFTER)) is False


def test_photos_may_be_equal_and_of_any_size() -> None:
    """One after another may show the same, and another size is another photo."""
    detector = FrozenFrameDetector("stills")
    for index in range(100):
        assert detector.check(Frame(np.zeros((240, 320 + index // 50), np.uint8), float(index))) is False
    assert detector.fault == ""
