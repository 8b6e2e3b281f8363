"""Following faces from frame to frame, so that a frame is searched whole only when there is a reason to."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.events import Face
from mien.vision.detector import FaceDetector, Gray, overlap
from mien.vision.track import FaceTrack

CONFIRM = 0.5
"""Seconds for which a face is known again by its picture alone, until the detector looks whether it still is one."""

RESCAN = 5.0
"""Seconds after which a frame is searched whole even while a face is followed: somebody may have come along."""

EMPTY_RESCAN = 2.0
"""Seconds after which it is searched whole while nobody is there and nothing moves."""

LOST = 1.0
"""Seconds after a face was lost in which every frame is searched whole."""

_MOST = 8  # faces that are followed at once
_SAME = 0.3  # overlap from which on two boxes are one face
_MUCH_LARGER = 1.5  # area of another face relative to the followed one that makes it the one that counts
_STEADY = 0.75  # overlap with its last box up to which a face counts as moving; above, the box is smoothed
_CELL = 16  # pixels of a cell of the motion gate
_MOTION = 6  # grey levels by which a cell's mean must change; a sensor's noise is averaged away


class FaceTracker:
    """Follows the face that counts, or all of them. Identities last for smoothing only, and are never a person's."""

    def __init__(self, detector: FaceDetector, *, all_faces: bool = False) -> None:
        self._detector, self._all_faces = detector, all_faces
        self.reset()

    def reset(self) -> None:
        """Forget whom was followed."""
        self._tracks: list[FaceTrack] = []
        self._scanned = self._seen = -np.inf
        self._still: NDArray[np.uint8] | None = None

    def faces(self, gray: Gray, at: float) -> tuple[Face, ...]:
        """The followed faces in this frame, the one that counts first. at: seconds, the frame's."""
        tracks = _distinct([track for old in self._tracks if (track := self._again(old, gray, at)) is not None])
        if len(tracks) < len(self._tracks) or self._scan_is_due(gray, at, nobody=not tracks):
            self._scanned = at
            tracks = self._choose(tracks, [FaceTrack.start(gray, face, at) for face in self._detector.detect(gray)])
        if tracks:
            self._seen = at
        self._tracks = tracks
        return tuple(track.face for track in tracks)

    def _again(self, track: FaceTrack, gray: Gray, at: float) -> FaceTrack | None:
        """The face by its picture, which is cheap, or by the detector, which is sure and sees it grow."""
        if 0 <= at - track.seen < CONFIRM and (moved := track.again(gray)) is not None:
            return moved
        found = self._detector.detect_near(gray, track.face)
        return None if found is None else FaceTrack.start(gray, _smooth(track.face, found), at)

    def _scan_is_due(self, gray: Gray, at: float, *, nobody: bool) -> bool:
        passed = at - self._scanned
        if not nobody:
            return not 0 <= passed < RESCAN
        return not 0 <= passed < EMPTY_RESCAN or self._moved(gray) or at - self._seen < LOST

    def _choose(self, followed: list[FaceTrack], found: list[FaceTrack]) -> list[FaceTrack]:
        """Whom to follow from now on."""
        tracks = sorted(_distinct(followed + found), key=lambda track: track.face.area, reverse=True)
        if self._all_faces or not tracks:
            return tracks[:_MOST]
        largest = tracks[0]
        keep = followed and largest.face.area < _MUCH_LARGER * followed[0].face.area
        return [followed[0] if keep else largest]

    def _moved(self, gray: Gray) -> bool:
        """Whether some part of the picture has changed since it last did."""
        size = max(1, gray.shape[1] // _CELL), max(1, gray.shape[0] // _CELL)
        cells = np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA), np.uint8)
        if (
            self._still is not None
            and self._still.shape == cells.shape
            and float(cv2.absdiff(cells, self._still).max()) < _MOTION
        ):
            return False
        self._still = cells
        return True


def _smooth(before: Face, now: Face) -> Face:
    """Finders' boxes tremble by some pixels; a face that moves is taken as it is."""
    if overlap(before, now) < _STEADY:
        return now
    x, y = (before.x + now.x) // 2, (before.y + now.y) // 2
    return Face(x, y, (before.width + now.width) // 2, (before.height + now.height) // 2)


def _distinct(tracks: list[FaceTrack]) -> list[FaceTrack]:
    """The tracks without later ones whose faces overlap an earlier one's."""
    kept: list[FaceTrack] = []
    for track in tracks:
        if all(overlap(track.face, other.face) < _SAME for other in kept):
            kept.append(track)
    return kept
