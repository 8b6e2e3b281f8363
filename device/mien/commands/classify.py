"""Single photos: every face in them and its reading."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mien.config import Config
from mien.events import Face, Reading, probabilities_by_label
from mien.vision.photo import read_photo
from mien.vision.recognizer import find_yunet_file, open_classifier
from mien.vision.still import classify_with_tta, haar_still_detector, yunet_still_detector

Seen = list[tuple[Face, Reading]]
"""Faces with their readings, the largest first."""


def opener(config: Config) -> Callable[[Path], Seen]:
    """Load the detector and the network once, for any number of photos. Raises ModelError."""
    yunet = find_yunet_file(config.vision)
    min_face = config.vision.min_face
    search = yunet_still_detector(yunet, min_face) if yunet else haar_still_detector(min_face)
    classifier = open_classifier(config.model)

    def see(path: Path) -> Seen:
        gray = read_photo(path)
        return [(face, classify_with_tta(classifier, gray, face)) for face in search(gray)]

    return see


def as_object(path: Path, seen: Seen) -> dict[str, object]:
    """The object of `mien classify --json`."""
    return {
        "path": str(path),
        "faces": [
            {
                "box": [face.x, face.y, face.width, face.height],
                "expression": reading.expression.label,
                "confidence": round(reading.confidence, 4),
                "probabilities": probabilities_by_label(reading.probabilities),
            }
            for face, reading in seen
        ],
    }


def in_words(path: Path, seen: Seen) -> str:
    """One line for a person."""
    if not seen:
        return f"{path}: no face"
    faces = [f"{r.expression.label} ({r.confidence:.0%}) at ({f.x}, {f.y}), {f.width} px wide" for f, r in seen]
    return f"{path}: " + "; ".join(faces)
