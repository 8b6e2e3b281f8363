"""YuNet: its framing of faces, and its model file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mien.errors import ModelError
from mien.events import Face
from mien.expression import Expression
from mien.vision import yunet
from mien.vision.detector import overlap
from mien.vision.yunet import SHA256, SIZE, YunetDetector
from tests.conftest import scene
from tests.fakes.scenes import shifted_scene


def test_yunet_frames_a_face_in_any_window(yunet_file: Path) -> None:
    """The whole frame, and the small window around the last place, give one square, also at the frame's edge."""
    detector = YunetDetector(yunet_file, 60)
    for shift in (0, 200, -200, 250):
        gray = shifted_scene(shift)
        face = detector.detect(gray)[0]
        near = detector.detect_near(
            gray, Face(face.x + 15, face.y - 10, round(face.width * 1.1), round(face.height * 1.1))
        )
        assert near is not None
        assert overlap(near, face) > 0.75


def test_a_file_that_is_not_yunet_is_refused(tmp_path: Path) -> None:
    """In one sentence, with what to do."""
    path = tmp_path / "yunet.onnx"
    path.write_bytes(b"not a network")
    with pytest.raises(ModelError, match="fetch-yunet"):
        YunetDetector(path, 60)


def test_yunet_is_pinned() -> None:
    """Version, size and digest are the published ones, over TLS."""
    assert yunet.URL.startswith("https://github.com/opencv/opencv_zoo/")
    assert (SIZE, SHA256[:8], len(SHA256)) == (232_589, "8f2383e4", 64)


def test_a_followed_face_is_framed_alike_from_either_side(yunet_file: Path) -> None:
    """To within 1 % of its width at the mean, a picture's box is that of its mirror image; YuNet's own is not."""
    detector = YunetDetector(yunet_file, 60)
    offsets = []
    for expression in Expression:
        gray = scene(expression)
        mirrored = np.ascontiguousarray(gray[:, ::-1])
        last = detector.detect(gray)[0]
        there = Face(gray.shape[1] - last.x - last.width, last.y, last.width, last.height)
        one, other = detector.detect_near(gray, last), detector.detect_near(mirrored, there)
        assert one is not None
        assert other is not None
        offsets.append((one.x + one.width / 2 + other.x + other.width / 2 - gray.shape[1]) / 2 / last.width)
    assert abs(np.mean(offsets)) < 0.01
