"""Who is in each picture: tables, and rules for file names."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from mien.errors import MienError
from mien_training.data.picture_people import list_people

NAMES = ("happy/anna_1.png", "happy/ben_1.png", "sad/anna_2.png", "sad/x.png")


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """A set with two people and a picture of somebody else."""
    folder = tmp_path / "faces"
    for name in NAMES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / name), np.zeros((30, 30), np.uint8))
    return folder


def listed(folder: Path, rule: str | Path) -> dict[str, tuple[str, str]]:
    pictures, people = list_people(folder, str(rule))
    return {
        path.relative_to(folder).as_posix(): (label.label, person)
        for (path, label), person in zip(pictures, people, strict=True)
    }


def table(folder: Path, text: str) -> Path:
    path = folder.parent / "people.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_rule_finds_the_person_in_the_path(faces: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its first group; pictures that it does not match are counted and named."""
    known = {
        "happy/anna_1.png": ("happy", "anna"),
        "happy/ben_1.png": ("happy", "ben"),
        "sad/anna_2.png": ("sad", "anna"),
    }
    assert listed(faces, "([a-z]+)_[0-9]") == known
    assert "1 pictures of nobody known left out: x.png." in capsys.readouterr().err


def test_a_table_names_the_people(faces: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the folders' labels, paths from the set's folder, and pictures that are not in it left out."""
    rows = "\ufeffPerson,picture\r\nAnna,happy/anna_1.png\r\nAnna,sad/anna_2.png\r\n\r\n"
    assert listed(faces, table(faces, rows)) == {
        "happy/anna_1.png": ("happy", "Anna"),
        "sad/anna_2.png": ("sad", "Anna"),
    }
    assert "2 pictures of nobody known left out: ben_1.png, x.png." in capsys.readouterr().err


def test_a_tables_labels_replace_the_folders(faces: Path) -> None:
    """They may be synonyms."""
    rows = "picture,person,label\nhappy/anna_1.png,a,Fearful\nsad/x.png,b,joy\n"
    assert listed(faces, table(faces, rows)) == {"happy/anna_1.png": ("fear", "a"), "sad/x.png": ("happy", "b")}


def test_without_a_rule_nobody_is_known(faces: Path) -> None:
    """All pictures count."""
    pictures, people = list_people(faces, None)
    assert (len(pictures), people) == (4, [])


@pytest.mark.parametrize(
    ("rule", "code", "fault"),
    [
        ("(", 2, "nor a regular expression"),
        ("people.csv", 2, "is not a file, and has no group"),
        ("(nobody)", 4, "names nobody in the pictures"),
    ],
)
def test_a_wrong_rule_is_refused(faces: Path, rule: str, code: int, fault: str) -> None:
    """One sentence."""
    with pytest.raises(MienError, match=fault) as caught:
        list_people(faces, rule)
    assert caught.value.exit_code == code
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "is empty"),
        ("picture,who\n", "no column person"),
        ("picture,person\nhappy/no.png,a\n", "line 2: there is no picture"),
        ("picture,person\nhappy/anna_1.png\n", "line 2: 1 fields instead of 2"),
        ("picture,person,label\nhappy/anna_1.png,a,bored\n", "line 2: the label 'bored'"),
        ("picture,person\n", "names nobody"),
    ],
)
def test_a_wrong_table_is_refused(faces: Path, text: str, fault: str) -> None:
    """One sentence with the line."""
    with pytest.raises(MienError, match=fault) as caught:
        list_people(faces, str(table(faces, text)))
    assert "\n" not in str(caught.value)
