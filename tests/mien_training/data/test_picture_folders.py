"""Trees of labelled pictures, as archives, file managers and notebooks leave them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from mien.errors import InputError
from mien.expression import Expression
from mien_training.data.label_mapping import read_label_mapping
from mien_training.data.picture_folders import list_pictures, split_folder

PNG = cv2.imencode(".png", np.zeros((30, 30), np.uint8))[1].tobytes()
JPEG = cv2.imencode(".jpg", np.zeros((30, 30), np.uint8))[1].tobytes()


def write(folder: Path, *files: str, content: bytes = PNG) -> Path:
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(content)
    return folder


def read(folder: Path, labels: Path | None = None) -> dict[str, str]:
    """Return the label of each picture by its path in the folder."""
    pictures = list_pictures(folder, read_label_mapping(labels) if labels else None)
    return {str(path.relative_to(folder)): label.label for path, label in pictures}


def test_content_decides_what_is_a_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A picture may have any suffix or none; what is none is counted and named."""
    write(tmp_path, "happy/a", "happy/b.jfif", "happy/c.dat", "happy/d.PNG")
    write(tmp_path, "happy/notes.txt", "happy/list.csv", content=b"no picture")
    assert set(read(tmp_path)) == {"happy/a", "happy/b.jfif", "happy/c.dat", "happy/d.PNG"}
    assert capsys.readouterr().err == (
        f"{tmp_path}: 2 skipped, not pictures of a label: happy/list.csv, happy/notes.txt.\n"
    )


def test_leftovers_are_skipped_and_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Hidden files, and the what archives, notebooks and file managers leave, are skipped, even pictures."""
    write(tmp_path, "happy/a.png", "sad/b.jpg")
    write(tmp_path, "__MACOSX/happy/._a.png", ".ipynb_checkpoints/a.png", "happy/.ipynb_checkpoints/a-checkpoint.png")
    write(tmp_path, "happy/._a.png", "happy/.DS_Store", "sad/Thumbs.db", "sad/desktop.ini", "README.md")
    assert read(tmp_path) == {"happy/a.png": "happy", "sad/b.jpg": "sad"}
    printed = capsys.readouterr().err
    assert "8 skipped" in printed
    assert ".ipynb_checkpoints, README.md, __MACOSX" in printed
    assert "and 3 more" in printed
    assert printed.count("\n") == 1


def test_nested_folders_are_read(tmp_path: Path) -> None:
    """A label's folder may have folders for people or sessions; each picture has the label above it."""
    write(tmp_path, "happy/anna/1.png", "happy/ben/2020/2.png", "Sadness/anna/1.png")
    assert read(tmp_path) == {
        "Sadness/anna/1.png": "sad",
        "happy/anna/1.png": "happy",
        "happy/ben/2020/2.png": "happy",
    }


def test_an_expression_inside_another_is_ambiguous(tmp_path: Path) -> None:
    """It is refused with its path; the same expression again, as some archives have it, is none."""
    write(tmp_path, "happy/happy/1.png")
    assert read(tmp_path) == {"happy/happy/1.png": "happy"}
    write(tmp_path, "happy/x/Sadness/2.png")
    with pytest.raises(InputError, match="happy/x/Sadness lies in the folder of happy"):
        read(tmp_path)


def test_a_link_to_a_folder_is_not_followed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A link that leads back up would never end."""
    write(tmp_path, "happy/1.png")
    (tmp_path / "happy" / "loop").symlink_to(tmp_path)
    assert read(tmp_path) == {"happy/1.png": "happy"}
    assert "1 skipped, not pictures of a label: happy/loop." in capsys.readouterr().err


def test_unknown_labels_are_refused_with_the_mapping_to_write(tmp_path: Path) -> None:
    """All of them in one sentence, which --labels then follows."""
    write(tmp_path, "0_angry/1.png", "3-happy/1.png", "suprise/1.png", "contempt/1.png", "sad/1.png")
    with pytest.raises(InputError) as caught:
        read(tmp_path)
    assert (
        '"0_angry" = "angry", "3-happy" = "happy", "contempt" = "skip", "suprise" = "surprise", and give it as '
        "--labels labels.toml" in str(caught.value)
    )


def test_a_mapping_names_and_skips_folders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What it skips is counted."""
    write(tmp_path / "data", "1/a.png", "7/b.png", "7/c.png", "sad/d.png")
    labels = tmp_path / "labels.csv"
    labels.write_text("1,happy\n7,skip\n")
    assert read(tmp_path / "data", labels) == {"1/a.png": "happy", "sad/d.png": "sad"}
    assert "2 skipped, pictures of labels to skip: 7/b.png, 7/c.png." in capsys.readouterr().err


def test_pictures_are_in_the_order_of_their_paths(tmp_path: Path) -> None:
    """Independent of the file system's order."""
    write(tmp_path, "sad/b/1.png", "sad/a.png", "happy/z.png", "sad/a/2.png")
    assert list(read(tmp_path)) == ["happy/z.png", "sad/a.png", "sad/a/2.png", "sad/b/1.png"]
    assert [label for _, label in list_pictures(tmp_path)] == [Expression.HAPPY, *[Expression.SAD] * 3]


@pytest.mark.parametrize("name", ["val", "Validation", "VALID"])
def test_a_split_has_several_names(tmp_path: Path, name: str) -> None:
    """In any case; a file with such a name is none."""
    (tmp_path / name).mkdir()
    (tmp_path / "train").write_text("")
    assert split_folder(tmp_path, "val") == tmp_path / name
    assert split_folder(tmp_path, "train") is None
