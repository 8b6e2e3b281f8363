"""Finding and reading the faces of a single photo, where a third of a second is no matter and a missed face is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np

from mien.events import Face, Reading
from mien.vision.classifier import Classifier
from mien.vision.crop import to_input
from mien.vision.detector import Gray, HaarDetector, largest_first, load_cascade, normalize_lighting, overlap
from mien.vision.yunet import YunetDetector

Search = Callable[[Gray], list[Face]]
"""Faces of a photo, the largest first."""

_SMALLEST = 24  # pixels of the cascades' own window, at the size that is searched
_TILT = 15.0  # degrees either way
_VOTES = 12  # raw hits of all passes together that make a face; 3 to 5 a pass are usual
_ONE_FACE = 0.35  # overlap of hits on one face
_APART = 0.1  # overlap up to which two faces may stand before each other
_SIDE = 640  # pixels to which a photo is brought for the search
_YUNET_SCORE = 0.5  # a photo's faces are found once or never; on composite frames 0.4 brings false ones


_MARGINS = (-0.1, 0.0, 0.1)  # around the network's own: a detector's box is off by about so much


def classify_with_tta(classifier: Classifier, gray: Gray, face: Face) -> Reading:
    """The mean of what the network says of a face framed in three ways, and of each one's mirror image."""
    margin = classifier.contract.crop_margin
    pictures = [to_input(gray, face, margin + more) for more in _MARGINS]
    pictures += [np.ascontiguousarray(picture[:, ::-1]) for picture in pictures]
    readings = np.array([classifier.probabilities(picture) for picture in pictures])
    return Reading(tuple(readings.mean(axis=0).tolist()), at=0.0)


def haar_still_detector(min_face: int) -> Search:
    """Two cascades over the photo, its mirror image and it tilted either way, whose hits are votes.

    Votes of different passes fall together on faces and apart elsewhere, so few are asked of each: on composite frames
    recall rises from 0.70 to 0.82 without more false faces than one plain pass has. At last the cascade that framed
    the network's training faces frames these too, where it sees them.
    """
    cascades = [load_cascade("frontalface_default"), load_cascade("frontalface_alt2")]
    detector = HaarDetector(min_face)

    def search(gray: Gray) -> list[Face]:
        scale = max(1.0, min(max(gray.shape) / _SIDE * 2, min_face / _SMALLEST))
        size = round(gray.shape[1] / scale), round(gray.shape[0] / scale)
        small = normalize_lighting(np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA), np.uint8))
        smallest = max(_SMALLEST, min(round(min_face / scale), min(small.shape) // 2))
        hits = []
        for picture, back in _views(small):
            for each in cascades:
                boxes, votes = each.detectMultiScale2(picture, 1.1, 1, minSize=(smallest, smallest))
                for (x, y, side, _), count in zip(boxes, votes, strict=True):
                    center = back @ np.array([x + side / 2, y + side / 2, 1.0])
                    hits.append((_centered(center * scale, side * scale), int(count)))
        return largest_first([detector.detect_near(gray, face) or face for face in _elect(hits, _VOTES)])

    return search


def yunet_still_detector(path: Path, min_face: int) -> Search:
    """YuNet at twice the size that streams are searched at, over the photo and its mirror image.

    The mean of both boxes is nearer to the face than either. Raises ModelError.
    """
    detector = YunetDetector(path, min_face, _SIDE, _YUNET_SCORE)

    def search(gray: Gray) -> list[Face]:
        mirrored = detector.detect(np.ascontiguousarray(gray[:, ::-1]))
        back = [Face(gray.shape[1] - face.x - face.width, face.y, face.width, face.height) for face in mirrored]
        return largest_first(_elect([(face, 1) for face in detector.detect(gray) + back], 1))

    return search


def _views(gray: Gray) -> Iterator[tuple[Gray, np.ndarray[tuple[int, ...], np.dtype[np.float64]]]]:
    """The picture plain, mirrored and tilted, each with the affine map, float64 (2, 3), of its points to the plain."""
    height, width = gray.shape
    yield gray, np.eye(2, 3)
    yield np.ascontiguousarray(gray[:, ::-1]), np.array([[-1.0, 0.0, width], [0.0, 1.0, 0.0]])
    for angle in (-_TILT, _TILT):
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0)
        turned = cv2.warpAffine(gray, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)
        yield np.asarray(turned, np.uint8), np.asarray(cv2.invertAffineTransform(turn), np.float64)


def _centered(center: np.ndarray[tuple[int, ...], np.dtype[np.float64]], side: float) -> Face:
    return Face(round(center[0] - side / 2), round(center[1] - side / 2), round(side), round(side))


def _elect(hits: list[tuple[Face, int]], votes: int) -> list[Face]:
    """Hits that overlap are one face, the mean of them by their votes; those with enough votes stand."""
    groups: list[list[tuple[Face, int]]] = []
    for hit in sorted(hits, key=lambda hit: hit[1], reverse=True):
        group = next((group for group in groups if overlap(group[0][0], hit[0]) >= _ONE_FACE), None)
        groups.append([hit]) if group is None else group.append(hit)
    elected: list[Face] = []
    for group in sorted(groups, key=_total, reverse=True):
        face = _mean(group)
        if _total(group) >= votes and all(overlap(face, other) < _APART for other in elected):
            elected.append(face)
    return elected


def _total(group: list[tuple[Face, int]]) -> int:
    return sum(count for _, count in group)


def _mean(group: list[tuple[Face, int]]) -> Face:
    total = _total(group)
    x, y, side = (
        round(sum(getattr(face, name) * count for face, count in group) / total) for name in ("x", "y", "width")
    )
    return Face(x, y, side, side)
