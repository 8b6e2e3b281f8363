"""Scenes around the demo's face: shifted, empty, or with one defect of quality."""

from __future__ import annotations

import cv2
import numpy as np

from mien.events import Face
from mien.vision.detector import Gray, HaarDetector
from tests.conftest import scene


def shifted_scene(by: int) -> Gray:
    """Return the scene with its face that many pixels further to the right, uint8 (480, 640)."""
    return np.roll(scene(), by, axis=1)


def empty_scene() -> Gray:
    """Return the scene's wall without the face, uint8 (480, 640)."""
    return np.tile(scene()[:, :1], (1, 640))


def degraded_scene(reason: str) -> tuple[Gray, Face]:
    """Return a scene and its face's box, degraded for one of `quality.REASONS`; for any other text not at all."""
    gray = scene()
    face = HaarDetector(60).detect(gray)[0]
    if reason == "dark":
        gray = (gray // 24).astype(np.uint8)
    elif reason == "blurred":
        gray = np.asarray(cv2.GaussianBlur(gray, (0, 0), 25), np.uint8)
    elif reason == "small":
        gray = np.asarray(cv2.resize(gray, (80, 60), interpolation=cv2.INTER_AREA), np.uint8)
        face = Face(face.x // 8, face.y // 8, face.width // 8, face.height // 8)
    elif reason == "cut off":
        shift = 640 - face.width * 3 // 4 - face.x
        gray[:, shift:] = gray[:, :-shift].copy()
        face = Face(face.x + shift, face.y, face.width, face.height)
    elif reason == "turned":
        part = gray[face.y : face.y + face.height, face.x : face.x + face.width].copy()
        half = face.width // 2
        part[:, half : 2 * half] = 255 - part[:, :half][:, ::-1]
        gray[face.y : face.y + face.height, face.x : face.x + face.width] = part
    return gray, face
