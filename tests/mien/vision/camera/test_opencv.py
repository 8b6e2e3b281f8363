"""Video files, photos and V4L2 devices."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from mien.errors import InputError
from mien.vision.camera.opencv import PHOTO_SECONDS, PhotoCamera, V4l2Camera, VideoFileCamera
from tests.conftest import scene


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """A video of 20 frames, ten a second."""
    path = tmp_path / "scene.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (640, 480), isColor=False)
    for _ in range(20):
        writer.write(scene())
    writer.release()
    return path


def test_a_video_is_replayed_on_its_own_clock(video: Path) -> None:
    """Grey frames, a tenth of a second apart."""
    camera = VideoFileCamera(video)
    frames = [(frame.at, frame.gray.shape, frame.gray.dtype) for frame in camera.frames()]
    camera.close()
    assert [at for at, _, _ in frames] == pytest.approx(np.arange(20) / 10)
    assert {(shape, dtype) for _, shape, dtype in frames} == {((480, 640), np.dtype(np.uint8))}


def test_a_file_that_is_not_a_video_is_refused(tmp_path: Path) -> None:
    """In one sentence."""
    path = tmp_path / "noise.mp4"
    path.write_bytes(bytes(1000))
    with pytest.raises(InputError, match="neither a photo nor a video"):
        VideoFileCamera(path)


def test_photos_are_shown_one_after_the_other(photo: Path, empty_photo: Path) -> None:
    """Each for PHOTO_SECONDS."""
    frames = list(PhotoCamera([photo, empty_photo]).frames())
    shapes = [frame.gray.shape for frame in frames]
    assert shapes == [(480, 640)] * (len(frames) // 2) + [(240, 320)] * (len(frames) // 2)
    assert frames[len(frames) // 2].at == PHOTO_SECONDS


def test_a_missing_device_is_named() -> None:
    """By its path, whichever way it was given."""
    with pytest.raises(InputError, match="There is no /dev/video99"):
        V4l2Camera("99")
