"""A recording that is repeated."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, pairwise
from pathlib import Path

import cv2
import pytest

from mien.config import CameraConfig
from mien.errors import InputError
from mien.events import Frame
from mien.vision.camera.base import CameraKind
from mien.vision.camera.loop import LoopingCamera, open_looping
from mien.vision.camera.open import open_camera
from tests.conftest import scene
from tests.fakes.cameras import FakeCamera, noisy_picture


class Recording(FakeCamera):
    """Five frames, ten a second."""

    kind: CameraKind = "replay"


class FakeTime:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.longest = 0.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.longest = max(self.longest, seconds)
        self.now += seconds


def test_the_times_go_on_at_the_recordings_pace() -> None:
    """The first frame of a turn follows the last of the turn before after one frame's interval."""
    time, first = FakeTime(), Recording()
    camera = LoopingCamera(first, Recording, time.clock, time.sleep)
    frames = []
    for frame in islice(camera.frames(), 12):
        assert time.now - 100 == pytest.approx(frame.at)
        frames.append(frame.at)
    assert frames == pytest.approx([index / 10 for index in range(12)])
    assert first.closed.is_set()


def test_a_gap_is_shortened() -> None:
    """A wait as long as the gap would pass for a lost camera; the frame keeps its own time."""

    class Gap(Recording):
        def frames(self) -> Iterator[Frame]:
            for at in (0.0, 0.1, 60.0, 60.1):
                yield Frame(noisy_picture(), at)

    time = FakeTime()
    camera = LoopingCamera(Gap(), Gap, time.clock, time.sleep)
    assert [frame.at for frame in islice(camera.frames(), 4)] == [0.0, 0.1, 60.0, 60.1]
    assert time.longest == pytest.approx(2.0)
    assert time.now - 100 == pytest.approx(2.2)


def test_a_recording_without_frames_is_an_error() -> None:
    """Instead of being opened for ever."""
    camera = LoopingCamera(Recording(0), lambda: Recording(0))
    with pytest.raises(InputError, match="no frames"):
        next(camera.frames())


def test_a_live_camera_is_not_repeated() -> None:
    """It has no end, and its clock is the system's."""
    live = FakeCamera()
    assert open_looping(lambda: live) is live


def test_a_video_is_repeated(tmp_path: Path) -> None:
    """From its first frame, and its times always increase."""
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 100, (640, 480), isColor=False)
    for level in range(5):
        writer.write(scene() // (level + 1))
    writer.release()
    camera = open_looping(lambda: open_camera(CameraConfig(source=str(path))))
    frames = [(frame.at, int(frame.gray.mean())) for frame in islice(camera.frames(), 12)]
    camera.close()
    assert frames[0][1] == frames[5][1] == frames[10][1] > frames[4][1]
    assert all(earlier < later for (earlier, _), (later, _) in pairwise(frames))
