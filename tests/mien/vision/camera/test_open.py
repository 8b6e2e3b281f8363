"""The camera of each specification."""

from __future__ import annotations

from pathlib import Path

import pytest

from mien.errors import InputError
from mien.vision.camera.demo import DemoCamera
from mien.vision.camera.open import open_camera
from mien.vision.camera.opencv import PhotoCamera


def test_each_specification_opens_its_kind(photo: Path) -> None:
    """The demo, a photo, and a folder of photos."""
    assert isinstance(open_camera("demo"), DemoCamera)
    assert isinstance(open_camera(str(photo)), PhotoCamera)
    assert isinstance(open_camera(str(photo.parent)), PhotoCamera)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("", "The camera's name is empty"),
        ("nothing", "There is no camera, photo, video or folder 'nothing'"),
        ("/dev/video99", "There is no /dev/video99"),
    ],
)
def test_an_unknown_camera_is_refused(spec: str, message: str) -> None:
    """In one sentence that names it."""
    with pytest.raises(InputError, match=message):
        open_camera(spec)


def test_a_folder_without_photos_is_refused(tmp_path: Path) -> None:
    """In one sentence with what to do."""
    with pytest.raises(InputError, match="holds no photo"):
        open_camera(str(tmp_path))
