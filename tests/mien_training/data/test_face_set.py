"""Sets of faces of any origin: ready crops, and whole photos."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from mien.errors import InputError
from mien.events import Face
from mien.expression import Expression
from mien.vision.crop import to_input
from mien.vision.detector import HaarDetector
from mien_training.data.face_set import detecting_cropper, list_face_set, read_faces
from tests.conftest import scene


def write(path: Path, image: NDArray[np.uint8] | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((30, 30), 90, np.uint8) if image is None else image)
    return path


def test_a_folder_an_expression_and_all_splits_are_sets(tmp_path: Path) -> None:
    """FOLDER/LABEL/ and FOLDER/SPLIT/LABEL/, of which every split counts."""
    write(tmp_path / "bare" / "happy" / "1.png")
    for split in ("train", "Val", "test"):
        write(tmp_path / "split" / split / "sad" / "1.png")
    assert [label for _, label in list_face_set(tmp_path / "bare")] == [Expression.HAPPY]
    assert [label for _, label in list_face_set(tmp_path / "split")] == [Expression.SAD] * 3


@pytest.mark.parametrize("name", ["empty", "nowhere"])
def test_a_folder_without_pictures_is_refused(tmp_path: Path, name: str) -> None:
    """One sentence with an example, for an empty folder and for none."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"for each expression|such as"):
        list_face_set(tmp_path / name)


def test_ready_crops_are_used_whole(tmp_path: Path) -> None:
    """From 24 pixels a side; a smaller one is refused by name."""
    write(tmp_path / "happy" / "a.png", np.full((24, 24), 10, np.uint8))
    write(tmp_path / "happy" / "b.png", np.full((400, 300), 200, np.uint8))
    faces = read_faces(list_face_set(tmp_path))
    assert faces.images.shape == (2, 48, 48, 1)
    assert [image.mean() for image in faces.images] == [10, 200]
    write(tmp_path / "happy" / "c.png", np.zeros((23, 40), np.uint8))
    with pytest.raises(InputError, match=r"c\.png has only 40 x 23"):
        read_faces(list_face_set(tmp_path))


def test_faces_of_photos_are_detected(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The crop is the largest box with the network's margin; photos without a face are counted and named."""
    photo = scene(Expression.HAPPY)
    write(tmp_path / "happy" / "face.png", photo)
    write(tmp_path / "sad" / "wall.png", np.full((200, 200), 90, np.uint8))
    detector = HaarDetector(60)

    def detect(gray: NDArray[np.uint8], scale: float = 1.0) -> list[Face]:
        assert scale == 1
        return detector.detect(gray)

    crop = detecting_cropper(detect, 60, 0.05)
    faces = read_faces(list_face_set(tmp_path), crop)
    assert faces.labels.tolist() == [Expression.HAPPY]
    assert (faces.images[0] == to_input(photo, detector.detect(photo)[0], 0.05)).all()
    assert "no face was detected in 1 of 2 pictures: wall.png." in capsys.readouterr().err
    with pytest.raises(InputError, match="leave out --detect"):
        read_faces(list_face_set(tmp_path)[1:], crop)
