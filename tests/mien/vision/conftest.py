"""Fixtures of the vision tests: YuNet's file, and both detectors."""

from __future__ import annotations

from pathlib import Path

import pytest

from mien.vision.detector import FaceDetector, HaarDetector
from mien.vision.yunet import YunetDetector


@pytest.fixture(scope="session")
def yunet_file(shared: Path) -> Path:
    """YuNet's model file; skips the test where the test data lacks it."""
    path = shared / "yunet" / "face_detection_yunet_2023mar.onnx"
    if not path.is_file():
        pytest.skip("needs YuNet's file in the test data")
    return path


@pytest.fixture(params=["haar", "yunet"])
def detector(request: pytest.FixtureRequest) -> FaceDetector:
    """Both detectors; YuNet where the test data has it."""
    return HaarDetector(60) if request.param == "haar" else YunetDetector(request.getfixturevalue("yunet_file"), 60)
