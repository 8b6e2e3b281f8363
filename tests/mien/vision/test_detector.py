"""The Haar cascade."""

from __future__ import annotations

import numpy as np

from mien.vision.detector import HaarDetector
from tests.conftest import scene


def test_a_face_is_detected_in_the_dark() -> None:
    """In a twentieth of the light the cascade still detects the face."""
    assert len(HaarDetector(60).detect((scene() // 20).astype(np.uint8))) == 1
