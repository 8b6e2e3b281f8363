"""The detectors for single photos."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from mien.vision.still import haar_still_detector, yunet_still_detector
from tests.conftest import scene


def test_a_face_in_a_photo_is_detected_once(yunet_file: Path) -> None:
    """Both detectors detect the demo's face once, tilted by 15 degrees too, and none in an even grey."""
    rotation = cv2.getRotationMatrix2D((320, 240), 15, 1.0)
    tilted = np.asarray(cv2.warpAffine(scene(), rotation, (640, 480), borderMode=cv2.BORDER_REPLICATE), np.uint8)
    for detect in (haar_still_detector(60), yunet_still_detector(yunet_file, 60)):
        assert len(detect(scene())) == 1
        assert len(detect(tilted)) == 1
        assert detect(np.full((480, 640), 128, np.uint8)) == []
