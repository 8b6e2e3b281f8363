"""Folders as people have them."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import pytest

from mien.config import CameraConfig
from mien.errors import InputError
from mien.vision.camera.folder import list_photos
from mien.vision.camera.open import open_camera
from tests.conftest import scene


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two photos, among what file managers, archives, notebooks and people leave in a folder."""
    jpeg = cv2.imencode(".jpg", scene())[1].tobytes()
    for name in ("__MACOSX", ".ipynb_checkpoints", "sub.jpg", "@eaDir"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "inside.jpg").write_bytes(jpeg)
    for name, content in {
        "a.jfif": jpeg,
        "b.jpg": jpeg,
        ".hidden.jpg": jpeg,
        "._a.jpg": b"\0\5\x16\7" + bytes(100),
        ".DS_Store": b"\0\0\0\1Bud1",
        "Thumbs.db": b"\xd0\xcf\x11\xe0" + bytes(100),
        "desktop.ini": b"[.ShellClassInfo]",
        "empty.jpg": b"",
        "icon.png": cv2.imencode(".png", scene()[:16, :16])[1].tobytes(),
        "notes.jpg": b"not a photo",
    }.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    return tmp_path


def test_nothing_stops_a_folder(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What is not a photo is left out, counted and named in one line."""
    assert [path.name for path in list_photos(folder)] == ["a.jfif", "b.jpg"]
    [line] = caplog.messages
    assert line.startswith(f"14 entries of {folder} left out: .DS_Store, ._a.jpg, .hidden.jpg")
    assert "and 9 more" in line
    assert "16 x 16" in line
    assert "\n" not in line


@pytest.mark.parametrize("length", [4, 30, 4000])
def test_a_damaged_photo_is_reported_by_its_name(folder: Path, length: int) -> None:
    """Since it is a photo that a person expects to be read, unlike what is left out."""
    (folder / "b.jpg").write_bytes((folder / "a.jfif").read_bytes()[:length])
    frames = open_camera(CameraConfig(source=str(folder))).frames()
    assert [next(frames).at for _ in range(20)][-1] == 4.75
    with pytest.raises(InputError, match=r"b\.jpg is not a picture that can be read"):
        next(frames)


def test_a_folder_of_photos_that_cannot_be_read_names_the_reason(tmp_path: Path) -> None:
    """Rather than that it holds no photo."""
    (tmp_path / "icon.png").write_bytes(cv2.imencode(".png", scene()[:16, :16])[1].tobytes())
    with pytest.raises(InputError, match="16 x 16"):
        list_photos(tmp_path)
