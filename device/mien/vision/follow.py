"""Following faces from frame to frame, so that a frame is searched whole only when there is a reason to."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.events import Face
from mien.vision.face import FaceFinder, Gray, overlap

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


class Follower:
    """Follows the face that counts, or all of them. Identities last for smoothing only, and are never a person's."""

    def __init__(self, finder: FaceFinder, *, everyone: bool = False) -> None:
        self._finder, self._everyone = finder, everyone
        self.reset()

    def reset(self) -> None:
        """Forget whom was followed."""
        self._faces: list[Face] = []
        self._scanned = self._seen = -np.inf
        self._still: NDArray[np.uint8] | None = None

    def faces(self, gray: Gray, at: float) -> tuple[Face, ...]:
        """The followed faces in this frame, the one that counts first. at: seconds, the frame's."""
        followed = [(face, self._finder.near(gray, face)) for face in self._faces]
        faces = [_smooth(before, now) for before, now in followed if now is not None]
        faces = _distinct(faces)
        if len(faces) < len(followed) or self._scan_is_due(gray, at, nobody=not faces):
            self._scanned = at
            faces = self._choose(faces, self._finder.find(gray))
        if faces:
            self._seen = at
        self._faces = faces
        return tuple(faces)

    def _scan_is_due(self, gray: Gray, at: float, *, nobody: bool) -> bool:
        passed = at - self._scanned
        if not nobody:
            return not 0 <= passed < RESCAN
        return not 0 <= passed < EMPTY_RESCAN or self._moved(gray) or at - self._seen < LOST

    def _choose(self, followed: list[Face], found: list[Face]) -> list[Face]:
        """Whom to follow from now on."""
        faces = _distinct(followed + found)
        if self._everyone:
            return sorted(faces, key=lambda face: face.area, reverse=True)[:_MOST]
        largest = max(faces, key=lambda face: face.area, default=None)
        if largest is None:
            return []
        keep = followed and largest.area < _MUCH_LARGER * followed[0].area
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


def _distinct(faces: list[Face]) -> list[Face]:
    """The faces without later ones that overlap an earlier one."""
    kept: list[Face] = []
    for face in faces:
        if all(overlap(face, other) < _SAME for other in kept):
            kept.append(face)
    return kept
