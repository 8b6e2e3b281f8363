"""The VISGRAF faces database, as far as its layout is known, and tables of labels."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.errors import InputError, MienError
from mien.expression import Expression
from mien.vision.crop import to_input
from mien.vision.detector import HaarDetector
from mien_training.data import fer2013
from tests.conftest import scene

HEADER = "picture,person,label"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six people in the database's layout, each a little brighter, with two of the expressions that are left out."""
    folder = tmp_path_factory.mktemp("facesdb")
    for number in range(1, 7):
        (folder / f"s{number:03}" / "bmp").mkdir(parents=True)
        for code in (*range(7), 7, 13):
            frame = scene(Expression(code % 7)) + np.uint8(3 * number)
            cv2.imwrite(str(folder / f"s{number:03}" / "bmp" / f"s{number:03}-{code:02}_img.bmp"), frame)
    return folder


def table(folder: Path, *rows: str, header: str = HEADER, people: int = 5) -> Path:
    """A folder with one picture and a table whose first rows show so many people in it."""
    cv2.imwrite(str(folder / "a.png"), scene())
    known = [f"a.png,{person},joy" for person in range(people)]
    (folder / "labels.csv").write_text("\n".join([header, *known, *rows]) + "\n", encoding="utf-8")
    return folder


def test_expressions_are_read_from_the_names(tree: Path) -> None:
    """Each person has one face for each of 0 to 6, in that order our labels; 7 to 13 are left out."""
    faces = [fer2013.read(tree, split) for split in fer2013.SPLITS]
    assert Counter(np.concatenate([each.labels for each in faces]).tolist()) == dict.fromkeys(range(7), 6)
    for each in faces:
        assert each.files is not None
        assert [f"-{label:02}_img" in file for label, file in zip(each.labels, each.files, strict=True)].count(
            False
        ) == 0


def test_no_person_is_in_two_splits(tree: Path) -> None:
    """Each person's pictures are all for training, all for validation or all for the end, and every split has some."""
    people = [{Path(file).stem[:4] for file in fer2013.read(tree, split).files} for split in fer2013.SPLITS]  # type: ignore[union-attr]
    assert [len(each) for each in people] == [4, 1, 1]
    assert len(set.union(*people)) == 6


def test_faces_are_cropped_as_on_the_device(tree: Path) -> None:
    """A face is the crop of the detector's box in the network's size."""
    faces = fer2013.read(tree, "PublicTest")
    assert faces.files is not None
    for image, file in zip(faces.images, faces.files, strict=True):
        gray = np.asarray(cv2.imread(str(file), cv2.IMREAD_GRAYSCALE), np.uint8)
        assert (image == to_input(gray, HaarDetector(60).detect(gray)[0])).all()


def test_a_picture_in_two_formats_counts_once(tmp_path: Path) -> None:
    """s001-00_img as .bmp and .png is one face."""
    for number in range(1, 6):
        for suffix in ("bmp", "png"):
            cv2.imwrite(str(tmp_path / f"s{number:03}-00_img.{suffix}"), scene())
    assert len(fer2013.read(tmp_path, "Training")) == 3


def test_a_picture_without_a_face_is_left_out_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The rest is read, and a sentence names the one that is left out."""
    table(tmp_path, "wall.png,0,fear")
    cv2.imwrite(str(tmp_path / "wall.png"), np.tile(np.linspace(40, 200, 640).astype(np.uint8), (480, 1)))
    assert fer2013.read(tmp_path, "Training").labels.tolist() == [Expression.HAPPY] * 3
    assert "wall.png is left out" in capsys.readouterr().err


def test_a_broken_picture_is_refused_by_name(tmp_path: Path) -> None:
    """A file that is not a picture is refused."""
    table(tmp_path, "bad.bmp,0,fear")
    (tmp_path / "bad.bmp").write_bytes(b"BM, but no bitmap")
    with pytest.raises(InputError, match=r"bad\.bmp"):
        fer2013.read(tmp_path, "Training")


def test_a_table_replaces_the_names(tmp_path: Path) -> None:
    """With labels.csv only the pictures in it are read, with its labels and its people."""
    cv2.imwrite(str(tmp_path / "s009-06_img.bmp"), scene())
    faces = fer2013.read(table(tmp_path, "s009-06_img.bmp,0,Anger"), "Training")
    assert Counter(faces.labels.tolist()) == {Expression.HAPPY: 3, Expression.ANGRY: 1}


def test_a_table_saved_by_a_spreadsheet(tmp_path: Path) -> None:
    """Semicolons, a byte order mark, Excel's first line and blank lines are read like commas alone."""
    path = table(tmp_path) / "labels.csv"
    rows = path.read_text(encoding="utf-8").replace(",", ";")
    path.write_text(f"sep=;\n\n{rows}\n\n", encoding="utf-8-sig")
    assert len(fer2013.read(tmp_path, "Training")) == 3


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("none.png,0,joy", r"line 7: there is no picture .*none\.png"),
        ("a.png,0,bored", "line 7: the label 'bored' is not an expression"),
        ("a.png,,joy", "line 7: the person is missing"),
        ("a.png,0", "line 7: 2 fields instead of 3"),
    ],
)
def test_a_fault_in_the_table_is_named_by_its_line(tmp_path: Path, row: str, fault: str) -> None:
    """One sentence with file, line and fault."""
    with pytest.raises(InputError, match=rf"labels\.csv, {fault}"):
        fer2013.read(table(tmp_path, row), "Training")


def test_a_table_of_something_else_is_refused(tmp_path: Path) -> None:
    """By the columns that it lacks; and so is one with too few people to keep some apart."""
    with pytest.raises(InputError, match=r"labels\.csv has no column person"):
        fer2013.read(table(tmp_path, header="picture,name,label"), "Training")
    with pytest.raises(InputError, match="shows 4 people: it takes five"):
        fer2013.read(table(tmp_path, people=4), "Training")


@given(st.binary(max_size=200))
def test_any_bytes_of_a_table_are_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """Any content of a table ends in one of mien's errors."""
    folder = tmp_path_factory.mktemp("table")
    (folder / "labels.csv").write_bytes(HEADER.encode() + b"\n" + content)
    with pytest.raises(MienError):
        fer2013.read(folder, "Training")
