"""The camera of each specification."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mien.config import CameraConfig
from mien.errors import InputError
from mien.vision.camera import open as open_module
from mien.vision.camera import picamera
from mien.vision.camera.demo import DemoCamera
from mien.vision.camera.open import open_camera
from mien.vision.camera.opencv import PhotoCamera


def test_each_specification_opens_its_kind(photo: Path) -> None:
    """The demo, a photo, and a folder of photos."""
    assert isinstance(open_camera(CameraConfig(source="demo")), DemoCamera)
    assert isinstance(open_camera(CameraConfig(source=str(photo))), PhotoCamera)
    assert isinstance(open_camera(CameraConfig(source=str(photo.parent))), PhotoCamera)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("", "The camera's name is empty"),
        ("nothing", "There is no camera, photo, video or folder 'nothing'"),
        ("/dev/video99", "There is no /dev/video99"),
        ("picamera:", "'picamera:' does not end with a camera's number: use picamera:0"),
        ("picamera:first", "'picamera:first' does not end with a camera's number: use picamera:0"),
        ("picamera:-1", "'picamera:-1' does not end with a camera's number: use picamera:0"),
    ],
)
def test_an_unknown_camera_is_refused(spec: str, message: str) -> None:
    """In one sentence that names it."""
    with pytest.raises(InputError, match=message):
        open_camera(CameraConfig(source=spec))


def test_a_folder_without_photos_is_refused(tmp_path: Path) -> None:
    """In one sentence with what to do."""
    with pytest.raises(InputError, match="holds no photo"):
        open_camera(CameraConfig(source=str(tmp_path)))


def test_a_zoom_shows_the_middle_of_any_picture(photo: Path) -> None:
    """At its own resolution. What delivers the pictures stays of its kind."""
    camera = open_camera(CameraConfig(source=str(photo), zoom=2.5))
    whole = next(open_camera(CameraConfig(source=str(photo))).frames())
    height, width = whole.gray.shape
    frame = next(camera.frames())
    rows, columns = frame.gray.shape
    assert (rows, columns) == (round(height / 2.5), round(width / 2.5))
    top, left = (height - rows) // 2, (width - columns) // 2
    assert np.array_equal(frame.gray, whole.gray[top : top + rows, left : left + columns])
    assert (frame.at, camera.kind) == (whole.at, "stills")
    assert frame.gray.base is not None
    camera.close()


def test_what_a_camera_does_not_support_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """However often it is opened; a default is not."""
    open_module._log_once.cache_clear()
    open_camera(CameraConfig(source="demo"))
    assert caplog.messages == []
    for _ in range(3):
        open_camera(CameraConfig(source="demo", focus=1.5, exposure=-1))
    assert caplog.messages == [
        "[camera] focus = 1.5 has no effect: demo does not support it.",
        "[camera] exposure = -1 has no effect: demo does not support it.",
    ]


def test_what_the_pi_camera_supports_is_not_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The number and the configuration reach it."""
    opened = []

    class OpenedPiCamera:
        def __init__(self, number: int, config: CameraConfig) -> None:
            opened.append((number, config))
            self.supported = {"focus"}

    open_module._log_once.cache_clear()
    monkeypatch.setattr(picamera, "PiCamera", OpenedPiCamera)
    config = CameraConfig(source="picamera:1", focus="auto", exposure=1, zoom=2)
    assert isinstance(open_camera(config), OpenedPiCamera)
    assert opened == [(1, config)]
    assert caplog.messages == ["[camera] exposure = 1 has no effect: picamera:1 does not support it."]
