"""Face detectors for tests."""

from __future__ import annotations

from mien.events import Face
from mien.vision.detector import FaceDetector, Gray, overlap


class CountingDetector:
    """Counts the searches of another detector: scans of whole frames, and of windows near a face."""

    def __init__(self, detector: FaceDetector) -> None:
        self._detector, self.scans, self.near_searches = detector, 0, 0

    def detect(self, gray: Gray) -> list[Face]:
        self.scans += 1
        return self._detector.detect(gray)

    def detect_near(self, gray: Gray, face: Face) -> Face | None:
        self.near_searches += 1
        return self._detector.detect_near(gray, face)


class ScriptedDetector:
    """Detects the faces that the test sets, whatever the picture."""

    def __init__(self, faces: list[Face]) -> None:
        self.faces = faces

    def detect(self, _gray: Gray) -> list[Face]:
        return self.faces

    def detect_near(self, _gray: Gray, face: Face) -> Face | None:
        return next((candidate for candidate in self.faces if overlap(candidate, face) > 0.3), None)
