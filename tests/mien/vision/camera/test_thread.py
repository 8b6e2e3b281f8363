"""The camera's thread: results, exceptions and timeouts of its calls."""

from __future__ import annotations

import threading

import pytest

from mien.errors import InputError
from mien.vision.camera import thread
from mien.vision.camera.base import LostCameraError
from mien.vision.camera.thread import CameraThread
from tests.eventually import eventually
from tests.fakes.cameras import FakeCamera, fail, hang, open_missing_camera


def camera_threads() -> int:
    return sum(each.name == "camera" for each in threading.enumerate())


def test_frames_are_delivered_and_the_thread_ends() -> None:
    """All calls are made on one thread, which ends with close; closing twice is harmless."""
    before, camera = camera_threads(), FakeCamera(3)
    running = CameraThread(lambda: camera)
    assert [frame.at for frame in running.frames()] == [0.0, 0.1, 0.2]
    running.close()
    running.close()
    assert camera.closed.is_set()
    assert eventually(lambda: camera_threads() <= before)


def test_exceptions_reach_the_caller() -> None:
    """Those of opening, and those between frames."""
    with pytest.raises(InputError, match="There is no camera"):
        CameraThread(open_missing_camera)
    running = CameraThread(lambda: FakeCamera(1, then=fail))
    with pytest.raises(InputError, match="has gone"):
        list(running.frames())
    running.close()


def test_a_call_that_hangs_has_a_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """The camera is then lost: closing it makes no further call."""
    monkeypatch.setattr(thread, "FRAME_TIMEOUT", 0.2)
    camera = FakeCamera(1, then=hang)
    running = CameraThread(lambda: camera)
    with pytest.raises(LostCameraError, match="delivers no picture within"):
        list(running.frames())
    running.close()
    assert not camera.closed.is_set()


def test_waiting_ends_when_it_should_not_continue() -> None:
    """Although the camera still hangs."""
    proceed = [True, True, False]
    running = CameraThread(lambda: FakeCamera(0, then=hang), lambda: proceed.pop(0))
    assert list(running.frames()) == []
    assert proceed == []


@pytest.mark.parametrize(("kind", "can_reopen"), [("live", True), ("replay", False), ("stills", False)])
def test_only_live_cameras_can_be_reopened(kind: str, can_reopen: bool) -> None:
    """A replay would fail at the same place again."""
    camera = FakeCamera()
    camera.kind = kind  # type: ignore[assignment]
    running = CameraThread(lambda: camera)
    assert running.can_reopen is can_reopen
    running.close()
