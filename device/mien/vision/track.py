"""A followed face, and how it is found again without a detector: by its own picture of a moment ago."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from mien.events import Face
from mien.vision.detector import Gray, crop_window

_SIDE = 32  # pixels of a face's picture: a step is 3 % of its width, which the network does not mind
_BREADTH = 1.5  # of the window that is looked through, in faces: a quarter of a face either way
_CONTRAST = 16  # grey levels from darkest to brightest; OpenCV says of an even picture that it fits everywhere
_ALIKE = 0.8  # correlation from which on it is the same face in the same pose; a blink or a word costs 0.1


@dataclass(frozen=True, slots=True, eq=False)
class FaceTrack:
    """A face and its picture.

    face: where it is. seen: seconds, of the last detection. picture: how it looked then, uint8, 32 pixels wide, or
    less where the frame's edge cuts it off. offset: x and y of the picture's corner from the face's, frame pixels.
    telling: whether the picture shows enough to be known again.
    """

    face: Face
    seen: float
    picture: Gray
    offset: tuple[float, float]
    telling: bool

    @classmethod
    def start(cls, gray: Gray, face: Face, at: float) -> FaceTrack:
        """Of a face that a detector has just seen in a frame. at: seconds, the frame's."""
        own = crop_window(gray, face, breadth=1.0, side=_SIDE)
        telling = min(own.picture.shape) >= _SIDE // 2 and int(np.ptp(own.picture)) >= _CONTRAST
        return cls(face, at, own.picture, (own.x - face.x, own.y - face.y), telling)

    def again(self, gray: Gray) -> FaceTrack | None:
        """The face where its picture fits best near its last place, its size unchanged; None where it fits badly.

        Normalised correlation (Lewis 1995), which light does not sway. The picture is kept as detected: no drift.
        """
        window = crop_window(gray, self.face, _BREADTH, _SIDE)
        height, width = self.picture.shape
        if not self.telling or window.picture.shape[0] < height or window.picture.shape[1] < width:
            return None
        fit = cv2.matchTemplate(window.picture, self.picture, cv2.TM_CCOEFF_NORMED)
        _, best, _, (x, y) = cv2.minMaxLoc(fit)
        if best < _ALIKE:
            return None
        left, top = window.x + x * window.scale - self.offset[0], window.y + y * window.scale - self.offset[1]
        return replace(self, face=replace(self.face, x=round(left), y=round(top)))
