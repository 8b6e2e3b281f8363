"""Following faces from frame to frame, so that a whole frame is searched only when there is a reason to."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.events import Face
from mien.vision.detector import FaceDetector, Gray, crop_window, overlap

DETECT_EVERY = 0.5
"""Seconds for which a face is followed by its template alone, until the detector confirms it again."""

RESCAN = 5.0
"""Seconds after which a whole frame is searched even while a face is followed: another may have come into view."""

EMPTY_RESCAN = 2.0
"""Seconds after which a whole frame is searched while no face is in view and nothing moves."""

LOST = 1.0
"""Seconds after a face was lost in which every frame is searched whole."""

_MAX_TRACKS = 8  # faces that are followed at once
_SAME_FACE = 0.3  # overlap from which on two boxes are one face
_MUCH_LARGER = 1.5  # area of another face relative to the followed one from which on it is followed instead
_STEADY = 0.75  # overlap with its last box up to which a face counts as moving; above, the box is smoothed
_CELL = 16  # pixels of a cell of the motion gate
_MOTION = 6  # grey levels by which a cell's mean must change; a sensor's noise is averaged away
_TEMPLATE_SIDE = 32  # pixels of a face's template: a step is 3 % of its width, which hardly changes the readings
_SEARCH_BREADTH = 1.5  # of the window that is searched, in faces: a quarter of a face either way
_MIN_CONTRAST = 16  # grey levels from darkest to brightest; OpenCV reports that an even template fits everywhere
_MIN_CORRELATION = 0.8  # from which on it is the same face in the same pose; a blink or a word costs 0.1


@dataclass(frozen=True, slots=True, eq=False)
class FaceTrack:
    """A face and a template of it, by which it is located again without a detector.

    face: its box. detected_at: seconds, of the last detection. template: its picture then, uint8, 32 pixels wide, or
    less where the frame's edge cuts it off. offset: x and y of the template's corner from the face's, frame pixels.
    distinctive: whether the template is large enough, and has enough contrast, to be matched.
    """

    face: Face
    detected_at: float
    template: Gray
    offset: tuple[float, float]
    distinctive: bool

    @classmethod
    def start(cls, gray: Gray, face: Face, at: float) -> FaceTrack:
        """Return the track of a face that a detector has just detected in a frame. at: seconds, the frame's."""
        window = crop_window(gray, face, breadth=1.0, side=_TEMPLATE_SIDE)
        large_enough = min(window.picture.shape) >= _TEMPLATE_SIDE // 2
        distinctive = large_enough and int(np.ptp(window.picture)) >= _MIN_CONTRAST
        return cls(face, at, window.picture, (window.x - face.x, window.y - face.y), distinctive)

    def relocate(self, gray: Gray) -> FaceTrack | None:
        """Return the track where its template fits best near its last place, its size unchanged; None for a bad fit.

        By normalised correlation (Lewis 1995), which does not depend on the light. The template stays as detected, so
        that the box does not drift.
        """
        window = crop_window(gray, self.face, _SEARCH_BREADTH, _TEMPLATE_SIDE)
        height, width = self.template.shape
        if not self.distinctive or window.picture.shape[0] < height or window.picture.shape[1] < width:
            return None
        correlation = cv2.matchTemplate(window.picture, self.template, cv2.TM_CCOEFF_NORMED)
        _, best, _, (x, y) = cv2.minMaxLoc(correlation)
        if best < _MIN_CORRELATION:
            return None
        left, top = window.x + x * window.scale - self.offset[0], window.y + y * window.scale - self.offset[1]
        return replace(self, face=replace(self.face, x=round(left), y=round(top)))


class FaceTracker:
    """Follows the main face, or all of them. Tracks last for smoothing only, and never identify a person.

    The main face is the one that was followed before, unless another is much larger; at first, the largest.
    """

    def __init__(self, detector: FaceDetector, *, all_faces: bool = False) -> None:
        """all_faces: follow up to eight faces instead of the main one alone."""
        self._detector, self._all_faces = detector, all_faces
        self.reset()

    def reset(self) -> None:
        """Drop all tracks."""
        self._tracks: list[FaceTrack] = []
        self._scanned_at = self._face_at = -np.inf
        self._still_cells: NDArray[np.uint8] | None = None

    def update(self, gray: Gray, at: float) -> tuple[Face, ...]:
        """Return the followed faces in this frame, uint8 (height, width), the main one first. at: seconds."""
        located = [track for last in self._tracks if (track := self._locate(last, gray, at)) is not None]
        tracks = _distinct(located)
        if len(tracks) < len(self._tracks) or self._scan_is_due(gray, at, no_face=not tracks):
            self._scanned_at = at
            tracks = self._select(tracks, [FaceTrack.start(gray, face, at) for face in self._detector.detect(gray)])
        if tracks:
            self._face_at = at
        self._tracks = tracks
        return tuple(track.face for track in tracks)

    def _locate(self, track: FaceTrack, gray: Gray, at: float) -> FaceTrack | None:
        """Return the track in a new frame: by its template, which is cheap, or by the detector, which also sizes it."""
        if 0 <= at - track.detected_at < DETECT_EVERY and (relocated := track.relocate(gray)) is not None:
            return relocated
        detected = self._detector.detect_near(gray, track.face)
        return None if detected is None else FaceTrack.start(gray, _smooth(track.face, detected), at)

    def _scan_is_due(self, gray: Gray, at: float, *, no_face: bool) -> bool:
        passed = at - self._scanned_at
        if not no_face:
            return not 0 <= passed < RESCAN
        return not 0 <= passed < EMPTY_RESCAN or self._has_motion(gray) or at - self._face_at < LOST

    def _select(self, followed: list[FaceTrack], detected: list[FaceTrack]) -> list[FaceTrack]:
        """Return the tracks to follow from now on."""
        tracks = sorted(_distinct(followed + detected), key=lambda track: track.face.area, reverse=True)
        if self._all_faces or not tracks:
            return tracks[:_MAX_TRACKS]
        largest = tracks[0]
        keep = followed and largest.face.area < _MUCH_LARGER * followed[0].face.area
        return [followed[0] if keep else largest]

    def _has_motion(self, gray: Gray) -> bool:
        """Return whether some cell of the picture has changed since the last frame with motion."""
        size = max(1, gray.shape[1] // _CELL), max(1, gray.shape[0] // _CELL)
        cells = np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA), np.uint8)
        if (
            self._still_cells is not None
            and self._still_cells.shape == cells.shape
            and float(cv2.absdiff(cells, self._still_cells).max()) < _MOTION
        ):
            return False
        self._still_cells = cells
        return True


def _smooth(last: Face, detected: Face) -> Face:
    """Return the mean of both boxes, since detectors' boxes jitter by some pixels; of a moving face the new box."""
    if overlap(last, detected) < _STEADY:
        return detected
    x, y = (last.x + detected.x) // 2, (last.y + detected.y) // 2
    return Face(x, y, (last.width + detected.width) // 2, (last.height + detected.height) // 2)


def _distinct(tracks: list[FaceTrack]) -> list[FaceTrack]:
    """Return the tracks without those whose faces overlap an earlier one's."""
    distinct: list[FaceTrack] = []
    for track in tracks:
        if all(overlap(track.face, other.face) < _SAME_FACE for other in distinct):
            distinct.append(track)
    return distinct
