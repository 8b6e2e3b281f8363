"""Video files, photos and V4L2 devices."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from mien.config import CameraConfig
from mien.errors import InputError
from mien.vision.camera.open import open_camera
from mien.vision.camera.opencv import PHOTO_SECONDS, PhotoCamera, V4l2Camera, VideoFileCamera
from tests.conftest import Outcome, scene


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


def write_mp4(path: Path, pictures: list[NDArray[np.uint8]]) -> bytearray:
    """Write an MP4 file of ten frames a second and return its bytes."""
    height, width = pictures[0].shape
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10, (width, height), isColor=False)
    for picture in pictures:
        writer.write(picture)
    writer.release()
    return bytearray(path.read_bytes())


def test_a_video_is_set_upright(tmp_path: Path) -> None:
    """By the rotation in its header, as phones write it, whatever the version of OpenCV."""
    path = tmp_path / "phone.mp4"
    data = write_mp4(path, [np.ascontiguousarray(np.rot90(scene()))] * 10)
    matrix = data.index(b"tkhd") + 44  # ISO/IEC 14496-12, 8.3.2
    data[matrix : matrix + 36] = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 480 << 16, 0, 1 << 30)
    path.write_bytes(data)
    for frame in VideoFileCamera(path).frames():
        assert frame.gray.shape == (480, 640)
        assert np.abs(frame.gray.astype(int) - scene()).mean() < 5


def test_a_codec_that_cannot_be_decoded_is_named(tmp_path: Path) -> None:
    """In one sentence with advice, beside which FFmpeg's own lines are held back."""
    path = tmp_path / "clip.mp4"
    data = write_mp4(path, [scene()] * 10)
    entry = data.index(b"stsd") + 16
    data[entry : entry + 4] = b"av01"
    path.write_bytes(data.replace(b"esds", b"free"))  # the codec's description, which contradicts its code
    command = [sys.executable, "-m", "mien.cli", "run", "--camera", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 4
    assert done.stderr.count("\n") == 1
    assert "coded as AV1" in done.stderr
    assert "H.264" in done.stderr


def test_a_stream_of_jpegs_is_a_video(tmp_path: Path) -> None:
    """On the clock of the usual frame rate, since it has neither timestamps nor a frame rate of its own."""
    path = tmp_path / "stream.mjpeg"
    path.write_bytes(cv2.imencode(".jpg", scene())[1].tobytes() * 20)
    camera = open_camera(CameraConfig(source=str(path)))
    assert [frame.at for frame in camera.frames()] == pytest.approx(np.arange(20) / 25)
    camera.close()


def test_a_text_is_refused(tmp_path: Path) -> None:
    """FFmpeg would show it as a terminal does."""
    path = tmp_path / "notes.txt"
    path.write_text("A list of songs\n" * 100, encoding="utf-8")
    with pytest.raises(InputError, match="neither a photo nor a video"):
        VideoFileCamera(path)


def moods(camera: Path, mien: Callable[..., Outcome]) -> list[tuple[str, float]]:
    """The moods of a video, with their times."""
    outcome = mien("run", "--camera", camera, "--json")
    assert outcome.code == 0
    events = [json.loads(line) for line in outcome.out.splitlines()]
    return [(event["expression"], event["at"]) for event in events if event["event"] == "mood"]


@pytest.mark.parametrize(("name", "count"), [("rotated90.mp4", 2), ("vfr_phone.mp4", 3), ("vfr_vp8.webm", 4)])
def test_recordings_of_phones_show_the_same_moods(
    mien: Callable[..., Outcome], shared: Path, name: str, count: int
) -> None:
    """Within 1.5 s of those of the same scene at a constant rate. count: of the moods in the part that each shows."""
    folder = shared / "cases" / "video"
    if not folder.is_dir():
        pytest.skip("needs the videos of the test data")
    wanted, actual = moods(folder / "cfr.mp4", mien)[:count], moods(folder / name, mien)[:count]
    assert [label for label, _ in actual] == [label for label, _ in wanted]
    assert [at for _, at in actual] == pytest.approx([at for _, at in wanted], abs=1.5)


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
