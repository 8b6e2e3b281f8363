"""Expression recognition: frames in, readings out. Joins the face tracker and the classifier."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import cv2

from mien.config import ModelConfig, VisionConfig
from mien.errors import ConfigError, ModelError
from mien.events import Face, Frame, Reading
from mien.expression import EVEN_PRIOR
from mien.vision import yunet
from mien.vision.classifier import DEFAULT_MODEL, Classifier
from mien.vision.crop import to_input
from mien.vision.detector import FaceDetector, HaarDetector
from mien.vision.quality import assess_quality
from mien.vision.tracker import FaceTracker
from mien.vision.yunet import YunetDetector


@dataclass(frozen=True, slots=True)
class Observation:
    """The result of one frame.

    at: seconds, the frame's. faces: in view, the main one first. reading: None if no face is in view.
    """

    at: float
    faces: tuple[Face, ...]
    reading: Reading | None


class ExpressionRecognizer:
    """Tracks faces and classifies their expressions.

    detect_ms, inference_ms: mean times of detection and tracking in a frame, and of one inference, milliseconds.
    low_quality: readings weighed down or dropped so far, by reason.
    """

    def __init__(self, detector: FaceDetector, classifier: Classifier, *, all_faces: bool = False) -> None:
        """all_faces: combine the readings of all faces in view, instead of reading the main one alone."""
        self._tracker, self.classifier = FaceTracker(detector, all_faces=all_faces), classifier
        self.low_quality: Counter[str] = Counter()
        self.detect_ms = self.inference_ms = 0.0

    @classmethod
    def open(cls, vision: VisionConfig, model: ModelConfig) -> ExpressionRecognizer:
        """Load the detector and the network as configured. Raises ModelError or ConfigError."""
        return cls(open_detector(vision), open_classifier(model), all_faces=vision.faces == "all")

    def observe(self, frame: Frame) -> Observation:
        """Return the faces in a frame, and their reading."""
        began = time.perf_counter()
        faces = self._tracker.update(frame.gray, frame.at)
        self.detect_ms = _update_mean(self.detect_ms, time.perf_counter() - began)
        return Observation(frame.at, faces, _combine(faces, [self.classify(frame, face) for face in faces]))

    def classify(self, frame: Frame, face: Face) -> Reading:
        """Return the reading of one face, weighted by the quality of its picture; at weight 0 without an inference."""
        crop = to_input(frame.gray, face, self.classifier.contract.crop_margin)
        quality = assess_quality(face, frame.gray.shape, crop)
        if quality.reason:
            self.low_quality[quality.reason] += 1
        if quality.weight == 0:
            return Reading(EVEN_PRIOR, frame.at, 0.0)
        began = time.perf_counter()
        probabilities = self.classifier.probabilities(crop)
        self.inference_ms = _update_mean(self.inference_ms, time.perf_counter() - began)
        return Reading(probabilities, frame.at, quality.weight)

    def reset(self) -> None:
        """Drop the tracked faces, as after the camera was closed."""
        self._tracker.reset()


def open_detector(vision: VisionConfig) -> FaceDetector:
    """Return YuNet where it is configured, or installed and not declined; else the cascade. Raises ModelError."""
    cv2.setNumThreads(1)  # on pictures this small more threads only make heat
    path = find_yunet_file(vision)
    return YunetDetector(path, vision.min_face) if path else HaarDetector(vision.min_face)


def find_yunet_file(vision: VisionConfig) -> Path | None:
    """Return the path of YuNet's file; None if YuNet is not used. Raises ModelError if it is configured but missing."""
    if vision.detector == "haar":
        return None
    try:
        path = Path(vision.yunet_file).expanduser() if vision.yunet_file else yunet.default_path()
    except ConfigError:  # without a state directory nothing was downloaded either: use what needs no file
        if vision.detector == "yunet":
            raise
        return None
    if path.is_file():
        return path
    if vision.detector == "yunet" or vision.yunet_file:
        raise ModelError(f"There is no {path}: run 'mien model fetch-yunet', or set detector = \"haar\".")
    return None


def open_classifier(model: ModelConfig) -> Classifier:
    """Load the network as configured. Raises ModelError."""
    path = Path(model.file).expanduser() if model.file else DEFAULT_MODEL
    return Classifier.load(path, model.runtime, model.threads)


def _combine(faces: tuple[Face, ...], readings: list[Reading]) -> Reading | None:
    """Return one reading of several faces: their mean, weighted by area and quality; None if there are none."""
    if len(readings) <= 1:
        return readings[0] if readings else None
    shares = [face.area * reading.weight for face, reading in zip(faces, readings, strict=True)]
    total = sum(shares)
    if total == 0:
        return readings[0]
    columns = zip(*(reading.probabilities for reading in readings), strict=True)
    mean = tuple(sum(p * share for p, share in zip(column, shares, strict=True)) / total for column in columns)
    return Reading(mean, readings[0].at, total / sum(face.area for face in faces))


def _update_mean(mean: float, seconds: float) -> float:
    """Return a mean time in milliseconds, averaged over the latest twenty or so; the first one as it is."""
    return mean + 0.05 * (seconds * 1000 - mean) if mean else seconds * 1000
