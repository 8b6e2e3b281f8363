"""Frames in, readings out: detector and network as one pair of eyes."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import cv2

from mien.config import Config
from mien.errors import ConfigError, ModelError
from mien.events import Face, Frame, Reading
from mien.expression import Expression
from mien.vision import yunet
from mien.vision.classifier import DEFAULT_MODEL, Classifier
from mien.vision.crop import to_input
from mien.vision.detector import FaceDetector, HaarDetector
from mien.vision.quality import assess_quality
from mien.vision.tracker import FaceTracker
from mien.vision.yunet import YunetDetector


@dataclass(frozen=True, slots=True)
class Observation:
    """What was seen in one frame.

    at: seconds, the frame's. faces: in view, the one that counts first. reading: None while nobody is there.
    """

    at: float
    faces: tuple[Face, ...]
    reading: Reading | None


class ExpressionRecognizer:
    """Follows faces, and reads them with the network.

    detect_ms, inference_ms: mean times of finding in a frame and of one run of the network, milliseconds.
    low_quality: readings weighed down or dropped so far, by reason.
    """

    def __init__(self, detector: FaceDetector, classifier: Classifier, *, all_faces: bool = False) -> None:
        """everyone: read all faces in view and mix them by their size, instead of the largest alone."""
        self._tracker, self.classifier = FaceTracker(detector, all_faces=all_faces), classifier
        self.low_quality: Counter[str] = Counter()
        self.detect_ms = self.inference_ms = 0.0

    @classmethod
    def open(cls, config: Config) -> ExpressionRecognizer:
        """As configured. Raises ModelError."""
        return cls(open_detector(config), open_classifier(config), all_faces=config.vision.faces == "all")

    def observe(self, frame: Frame) -> Observation:
        """What a frame shows."""
        began = time.perf_counter()
        faces = self._tracker.update(frame.gray, frame.at)
        self.detect_ms = _mean(self.detect_ms, time.perf_counter() - began)
        return Observation(frame.at, faces, _mix(faces, [self.read(frame, face) for face in faces]))

    def read(self, frame: Frame, face: Face) -> Reading:
        """The reading of one face, with the weight that its picture deserves."""
        picture = to_input(frame.gray, face, self.classifier.contract.crop_margin)
        quality = assess_quality(face, frame.gray.shape, picture)
        if quality.reason:
            self.low_quality[quality.reason] += 1
        if quality.weight == 0:
            return Reading(_NO_IDEA, frame.at, 0.0)
        began = time.perf_counter()
        probabilities = self.classifier.probabilities(picture)
        self.inference_ms = _mean(self.inference_ms, time.perf_counter() - began)
        return Reading(probabilities, frame.at, quality.weight)

    def reset(self) -> None:
        """Forget whom was followed."""
        self._tracker.reset()


_NO_IDEA = (1 / len(Expression),) * len(Expression)


def open_detector(config: Config) -> FaceDetector:
    """YuNet where it is asked for, or there and not declined; else the cascade. Raises ModelError."""
    cv2.setNumThreads(1)  # on pictures this small more threads only make heat
    file = yunet_file(config)
    return YunetDetector(file, config.vision.min_face) if file else HaarDetector(config.vision.min_face)


def yunet_file(config: Config) -> Path | None:
    """YuNet's file, if it is to be used. Raises ModelError if it is asked for and not there."""
    vision = config.vision
    if vision.detector == "haar":
        return None
    try:
        path = Path(vision.yunet_file).expanduser() if vision.yunet_file else yunet.default_path()
    except ConfigError:  # no state, so nothing was fetched: reason enough to use what needs no file
        if vision.detector == "yunet":
            raise
        return None
    if path.is_file():
        return path
    if vision.detector == "yunet" or vision.yunet_file:
        raise ModelError(f"There is no {path}: run 'mien model fetch-yunet', or set detector = \"haar\".")
    return None


def _mix(faces: tuple[Face, ...], readings: list[Reading]) -> Reading | None:
    """One reading of several faces: their mean by size and weight."""
    if len(readings) <= 1:
        return readings[0] if readings else None
    shares = [face.area * reading.weight for face, reading in zip(faces, readings, strict=True)]
    total = sum(shares)
    if total == 0:
        return readings[0]
    columns = zip(*(reading.probabilities for reading in readings), strict=True)
    mean = tuple(sum(p * share for p, share in zip(column, shares, strict=True)) / total for column in columns)
    return Reading(mean, readings[0].at, total / sum(face.area for face in faces))


def open_classifier(config: Config) -> Classifier:
    """The network as configured. Raises ModelError."""
    file = Path(config.model.file).expanduser() if config.model.file else DEFAULT_MODEL
    return Classifier.load(file, config.model.runtime, config.model.threads)


def _mean(mean: float, seconds: float) -> float:
    """Milliseconds, averaged over the latest twenty or so; the first one as it is."""
    return mean + 0.05 * (seconds * 1000 - mean) if mean else seconds * 1000
