"""Detecting and classifying the faces of single photos: slower than in a stream, and with fewer faces missed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.events import Face, Reading
from mien.vision.classifier import Classifier
from mien.vision.crop import to_input
from mien.vision.detector import Gray, HaarDetector, largest_first, load_cascade, normalize_lighting, overlap
from mien.vision.yunet import YunetDetector


class StillDetector(Protocol):
    """Detects the faces of a photo."""

    def __call__(self, gray: Gray, scale: float = 1.0) -> list[Face]:
        """Return the faces, the largest first, in pixels of `gray`. scale: pixels of the original to one of these."""
        ...


_CASCADE_SIDE = 24  # pixels of the cascades' own window, at the size that is searched; YuNet needs as many
_TILT = 15.0  # degrees either way
_MIN_VOTES = 12  # raw hits of all passes together that make a face; 3 to 5 a pass are usual
_SAME_FACE = 0.35  # overlap from which on two hits are of one face
_MAX_OVERLAP = 0.1  # of two faces: of faces that overlap more, the one with fewer votes is dropped
_SEARCH_SIDE = 640  # pixels of a photo's longer side as it is searched
_YUNET_SCORE = 0.5  # lower than in streams, where a missed face has another frame; 0.4 adds false faces on composites
_MARGINS = (-0.1, 0.0, 0.1)  # around the network's own: a detector's box is off by about so much


def classify_with_tta(classifier: Classifier, gray: Gray, face: Face) -> Reading:
    """Return the mean reading over three crops of a face and their mirror images (test-time augmentation)."""
    probabilities = np.array([classifier.probabilities(crop) for crop in _crops(classifier, gray, face)])
    return Reading(tuple(probabilities.mean(axis=0).tolist()), at=0.0)


def evidence_with_tta(classifier: Classifier, gray: Gray, face: Face) -> NDArray[np.float32]:
    """Return the mean evidence over the same crops, float32 (7,)."""
    evidence = [classifier.evidence(crop) for crop in _crops(classifier, gray, face)]
    return np.asarray(np.mean(evidence, axis=0), np.float32)


def _crops(classifier: Classifier, gray: Gray, face: Face) -> list[NDArray[np.uint8]]:
    """Return three crops of a face, each uint8 (48, 48, 1), and their mirror images."""
    margin = classifier.contract.crop_margin
    crops = [to_input(gray, face, margin + offset) for offset in _MARGINS]
    return crops + [np.ascontiguousarray(crop[:, ::-1]) for crop in crops]


def haar_still_detector(min_face: int) -> StillDetector:
    """Return a detector that runs two cascades over the photo, its mirror image and it tilted either way.

    Their hits are votes. Votes of different passes coincide on faces and scatter elsewhere, so that each pass may have
    a low threshold: on composite frames recall rises from 0.70 to 0.82 without more false faces than one plain pass
    has. Finally the cascade that framed the network's training faces frames these too, where it detects them.

    min_face: side of the smallest face to detect, in pixels of the original photo.
    """
    cascades = [load_cascade("frontalface_default"), load_cascade("frontalface_alt2")]
    detector = HaarDetector(min_face)

    def detect(gray: Gray, scale: float = 1.0) -> list[Face]:
        least = min_face / scale  # pixels of `gray`
        shrink = max(1.0, min(max(gray.shape) / _SEARCH_SIDE * 2, least / _CASCADE_SIDE))
        size = round(gray.shape[1] / shrink), round(gray.shape[0] / shrink)
        small = normalize_lighting(np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA), np.uint8))
        smallest = max(_CASCADE_SIDE, min(round(least / shrink), min(small.shape) // 2))
        hits = _detect_in_views(cascades, small, smallest, shrink)
        faces = [detector.refine(gray, face) or face for face in _merge_hits(hits, _MIN_VOTES)]
        return largest_first([face for face in faces if face.width >= least])

    return detect


def yunet_still_detector(path: Path, min_face: int) -> StillDetector:
    """Return a detector that runs YuNet over the photo and its mirror image, at twice the size of streams.

    The mean of both boxes is nearer to the face than either. A large photo is searched once more, at the size at which
    the smallest face still has the 24 pixels that the network needs. path: YuNet's model file. min_face: side of the
    smallest face to detect, in pixels of the original photo. Raises ModelError.
    """
    detector = YunetDetector(path, 1, _SEARCH_SIDE, _YUNET_SCORE)

    def detect(gray: Gray, scale: float = 1.0) -> list[Face]:
        faces = _detect_both_ways(detector, gray)
        fine = round(max(gray.shape) * min(1.0, _CASCADE_SIDE * scale / min_face))
        if fine > _SEARCH_SIDE:
            faces += _detect_both_ways(YunetDetector(path, 1, fine, _YUNET_SCORE), gray)
        merged = _merge_hits([_Hit(face, 1) for face in faces], 1)
        return largest_first([face for face in merged if face.width >= min_face / scale])

    return detect


def _detect_both_ways(detector: YunetDetector, gray: Gray) -> list[Face]:
    """Return the faces of a photo and those of its mirror image, all in the photo's pixels."""
    mirrored = detector.detect(np.ascontiguousarray(gray[:, ::-1]))
    faces = [Face(gray.shape[1] - face.x - face.width, face.y, face.width, face.height) for face in mirrored]
    return detector.detect(gray) + faces


class _Hit(NamedTuple):
    """A face in one view of the photo. votes: the raw hits that OpenCV grouped into it."""

    face: Face
    votes: int


def _detect_in_views(cascades: list[cv2.CascadeClassifier], gray: Gray, min_side: int, scale: float) -> list[_Hit]:
    """Return each cascade's hits in each view, in the photo's pixels. scale: of these to one pixel of `gray`."""
    hits = []
    for view, to_photo in _views(gray):
        for cascade in cascades:
            boxes, votes = cascade.detectMultiScale2(view, 1.1, 1, minSize=(min_side, min_side))
            for (x, y, side, _), count in zip(boxes, votes, strict=True):
                center = to_photo @ np.array([x + side / 2, y + side / 2, 1.0])
                hits.append(_Hit(_square_at(center * scale, side * scale), int(count)))
    return hits


def _views(gray: Gray) -> Iterator[tuple[Gray, NDArray[np.float64]]]:
    """Yield the picture as it is, mirrored and tilted, each with the affine map, float64 (2, 3), back to the first."""
    height, width = gray.shape
    yield gray, np.eye(2, 3)
    yield np.ascontiguousarray(gray[:, ::-1]), np.array([[-1.0, 0.0, width], [0.0, 1.0, 0.0]])
    for angle in (-_TILT, _TILT):
        rotation = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0)
        tilted = cv2.warpAffine(gray, rotation, (width, height), borderMode=cv2.BORDER_REPLICATE)
        yield np.asarray(tilted, np.uint8), np.asarray(cv2.invertAffineTransform(rotation), np.float64)


def _square_at(center: NDArray[np.float64], side: float) -> Face:
    return Face(round(center[0] - side / 2), round(center[1] - side / 2), round(side), round(side))


def _merge_hits(hits: list[_Hit], min_votes: int) -> list[Face]:
    """Merge hits that overlap into one face, their mean weighted by votes; drop faces with too few votes."""
    groups: list[list[_Hit]] = []
    for hit in sorted(hits, key=lambda hit: hit.votes, reverse=True):
        group = next((group for group in groups if overlap(group[0].face, hit.face) >= _SAME_FACE), None)
        groups.append([hit]) if group is None else group.append(hit)
    faces: list[Face] = []
    for group in sorted(groups, key=_total_votes, reverse=True):
        face = _mean_face(group)
        if _total_votes(group) >= min_votes and all(overlap(face, other) < _MAX_OVERLAP for other in faces):
            faces.append(face)
    return faces


def _total_votes(group: list[_Hit]) -> int:
    return sum(hit.votes for hit in group)


def _mean_face(group: list[_Hit]) -> Face:
    total = _total_votes(group)
    x, y, side = (
        round(sum(getattr(hit.face, name) * hit.votes for hit in group) / total) for name in ("x", "y", "width")
    )
    return Face(x, y, side, side)
