"""FER2013 in its published layouts, and damaged."""

from __future__ import annotations

import csv
import io
import runpy
import sys
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mien.errors import InputError, MienError
from mien.expression import LABELS, Expression
from mien_training.data import fer2013
from tests.fakes.rated_faces import VOTES_HEADER

PIXELS = " ".join(str(i % 256) for i in range(2304))
JPEG = cv2.imencode(".jpg", np.random.default_rng(0).integers(0, 256, (64, 64)).astype(np.uint8))[1].tobytes()
KAGGLE = {"angry": 0, "disgust": 1, "fear": 2, "happy": 3, "sad": 4, "surprise": 5, "neutral": 6}


def csv_folder(tmp_path: Path, *lines: str, name: str = "fer2013.csv", header: str = "emotion,pixels,Usage") -> Path:
    (tmp_path / name).write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(("label", "code"), KAGGLE.items())
def test_kaggle_codes_are_mapped_to_expressions(tmp_path: Path, label: str, code: int) -> None:
    """Each of Kaggle's numbers is read as the expression that it stands for."""
    faces = fer2013.read(csv_folder(tmp_path, f"{code},{PIXELS},Training"), "Training")
    assert Expression(int(faces.labels[0])).label == label


def test_pixels_arrive_unchanged(tmp_path: Path) -> None:
    """Grey levels are read row by row as they stand."""
    faces = fer2013.read(csv_folder(tmp_path, f"3,{PIXELS},Training"), "Training")
    assert faces.images.dtype == np.uint8
    assert faces.images.shape == (1, 48, 48, 1)
    assert faces.images.reshape(-1).tolist() == [int(word) for word in PIXELS.split()]


def test_headers_with_spaces_in_another_order(tmp_path: Path) -> None:
    """icml_face_data.csv, with its leading spaces and its own order of columns, is read like the other."""
    folder = csv_folder(tmp_path, f"0, PublicTest,{PIXELS}", name="icml_face_data.csv", header="emotion, Usage, pixels")
    assert fer2013.read(folder, "PublicTest").labels.tolist() == [Expression.ANGRY]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("above", ["", "\n\n", "sep=;\n", "# from Kaggle\n"])
def test_tables_saved_by_a_spreadsheet(tmp_path: Path, encoding: str, above: str) -> None:
    """A byte order mark, another encoding or delimiter, blank lines and Excel's first line make no difference."""
    rows = f"{above}emotion,pixels,Usage\n\n3,{PIXELS},Training\n".replace(",", ";").replace("\n", "\r\n")
    votes = f"{above}{VOTES_HEADER}Training,ä.png,0,9,0,1,0,0,0,0,0,0\n".replace(",", ";")
    (tmp_path / "fer2013.csv").write_bytes(rows.encode(encoding))
    (tmp_path / "fer2013new.csv").write_bytes(votes.encode(encoding))
    faces = fer2013.read(tmp_path, "Training")
    assert faces.labels.tolist() == [Expression.HAPPY]
    assert faces.votes is not None
    assert faces.votes.argmax() == Expression.HAPPY


def test_only_the_requested_split_is_read(tmp_path: Path) -> None:
    """Faces of other splits are left out."""
    rows = [f"{code},{PIXELS},{split}" for code, split in ((3, "Training"), (4, "PublicTest"), (5, "PrivateTest"))]
    folder = csv_folder(tmp_path, *rows)
    assert [fer2013.read(folder, split).labels.tolist() for split in fer2013.SPLITS] == [[1], [2], [3]]


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        (f"7,{PIXELS},Training", "emotion '7'"),
        (f"-1,{PIXELS},Training", "emotion '-1'"),
        (f"x,{PIXELS},Training", "emotion 'x'"),
        (f"3,{PIXELS} 1,Training", "2305 pixels"),
        ("3,1 2 3,Training", "3 pixels"),
        (f"3,{PIXELS.replace('255', '256')},Training", "outside 0 to 255"),
        (f"3,{PIXELS.replace('255', '-5')},Training", "outside 0 to 255"),
        (f"3,{PIXELS.replace('255', 'abc')},Training", "not all whole numbers"),
        (f"3,{PIXELS}", "2 fields"),
        (f"3,{PIXELS},Trainig", "Usage 'Trainig'"),
    ],
)
def test_a_bad_row_is_named_by_its_line(tmp_path: Path, row: str, fault: str) -> None:
    """An invalid row is refused with its file, line and fault."""
    folder = csv_folder(tmp_path, f"3,{PIXELS},Training", row)
    with pytest.raises(InputError, match="line 3") as caught:
        fer2013.read(folder, "Training")
    assert fault in str(caught.value)
    assert caught.value.exit_code == 4


def test_a_wrong_header_is_refused_with_the_missing_columns(tmp_path: Path) -> None:
    """A CSV of something else is refused by its header."""
    folder = csv_folder(tmp_path, "1,2", header="feeling,image")
    with pytest.raises(InputError, match="no column emotion, pixels, usage"):
        fer2013.read(folder, "Training")


def test_a_folder_a_label(tmp_path: Path) -> None:
    """Pictures of any size and colour in folders named for expressions are read as 48x48 grey."""
    for name, size in (("happy", (48, 48)), ("Sadness", (120, 90))):
        folder = tmp_path / "train" / name
        folder.mkdir(parents=True)
        cv2.imwrite(str(folder / "a.png"), np.full((*size, 3), 77, np.uint8))
    faces = fer2013.read(tmp_path, "Training")
    assert sorted(faces.labels.tolist()) == [Expression.HAPPY, Expression.SAD]
    assert faces.images.shape == (2, 48, 48, 1)
    assert set(np.unique(faces.images).tolist()) == {77}


def test_a_folder_with_an_unknown_label_is_named(tmp_path: Path) -> None:
    """An unknown label is refused by name rather than skipped."""
    (tmp_path / "train" / "bored").mkdir(parents=True)
    with pytest.raises(InputError, match="bored"):
        fer2013.read(tmp_path, "Training")


def test_a_broken_picture_is_named(tmp_path: Path) -> None:
    """A file that is not a picture is refused with its name."""
    (tmp_path / "train" / "happy").mkdir(parents=True)
    (tmp_path / "train" / "happy" / "bad.png").write_text("not a picture", encoding="utf-8")
    with pytest.raises(InputError, match=r"bad\.png"):
        fer2013.read(tmp_path, "Training")


@pytest.mark.parametrize("kind", ["colour.jpg", "palette.png", "deep.png", "clear.png", "wide.jpeg", "LARGE.PNG"])
def test_all_kinds_of_pictures_are_read(tmp_path: Path, kind: str) -> None:
    """Colour, palettes, 16 bits, transparency, odd shapes and sizes all become 48x48 grey of about the same level."""
    folder = tmp_path / "train" / "fear"
    folder.mkdir(parents=True)
    level = np.full((60, 70), 120, np.uint8)
    pictures = {
        "colour.jpg": Image.fromarray(np.dstack([level] * 3)),
        "palette.png": Image.fromarray(level).convert("P"),
        "deep.png": Image.fromarray(level.astype(np.uint16) << 8),
        "clear.png": Image.fromarray(np.dstack([level] * 4)),
        "wide.jpeg": Image.fromarray(np.full((20, 300), 120, np.uint8)),
        "LARGE.PNG": Image.fromarray(np.full((3000, 2000), 120, np.uint8)),
    }
    pictures[kind].save(folder / kind)
    image = fer2013.read(tmp_path, "Training").images[0]
    assert image.shape == (48, 48, 1)
    assert abs(image.astype(int) - 120).max() <= 2


@pytest.mark.parametrize("content", [b"", b"not a picture", JPEG[: len(JPEG) // 2]])
def test_broken_pictures_are_refused_by_name(tmp_path: Path, content: bytes) -> None:
    """Empty, something else, or cut off in the middle: one sentence with the file."""
    (tmp_path / "val" / "happy").mkdir(parents=True)
    (tmp_path / "val" / "happy" / "bad.jpg").write_bytes(content)
    with pytest.raises(InputError, match=r"bad\.jpg is not a picture") as caught:
        fer2013.read(tmp_path, "PublicTest")
    assert "\n" not in str(caught.value)


def test_a_picture_in_training_and_validation_is_refused(tmp_path: Path) -> None:
    """The same pixels in both, in whatever format and under whatever label: the sentence names both files."""
    rng = np.random.default_rng(0)
    for name in ("train/sad/a.png", "train/sad/b.png", "val/happy/c.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / name), rng.integers(0, 256, (60, 60)).astype(np.uint8))
    train, validation = (fer2013.read(tmp_path, split) for split in ("Training", "PublicTest"))
    assert fer2013.count_duplicates(train, validation) == 0
    twin = cv2.imread(str(tmp_path / "train/sad/b.png"))
    assert twin is not None
    cv2.imwrite(str(tmp_path / "val/happy/twin.bmp"), twin)
    with pytest.raises(InputError, match=r"train/sad/b\.png and .*val/happy/twin\.bmp are the same picture"):
        fer2013.count_duplicates(train, fer2013.read(tmp_path, "PublicTest"))


def test_repetitions_in_the_published_table_are_counted(tmp_path: Path) -> None:
    """FER2013 has some, and is read nevertheless."""
    other = PIXELS.replace("255", "254")
    rows = [f"3,{PIXELS},Training", f"3,{PIXELS},PublicTest", f"4,{other},PublicTest", f"3,{PIXELS},PublicTest"]
    train, validation = (fer2013.read(csv_folder(tmp_path, *rows), split) for split in ("Training", "PublicTest"))
    assert fer2013.count_duplicates(train, validation) == 2


def test_votes_are_read_as_shares(tmp_path: Path) -> None:
    """FER+ rows match the faces; contempt, unknown and single votes do not count; a face without votes is dropped."""
    pixels = " ".join(["7"] * 2304)
    (tmp_path / "fer2013.csv").write_text(
        f"emotion,pixels,Usage\n3,{pixels},Training\n4,{pixels},PublicTest\n0,{pixels},Training\n"
    )
    (tmp_path / "fer2013new.csv").write_text(
        VOTES_HEADER
        + "Training,a.png,3,1,2,0,0,0,0,3,1,0\nPublicTest,b.png,0,0,0,10,0,0,0,0,0,0\nTraining,,0,0,0,0,0,0,0,0,0,10\n"
    )
    faces = fer2013.read(tmp_path, "Training")
    labelled, rated = faces.view("fer2013"), faces.view("ferplus")
    assert [LABELS[label] for label in labelled.labels] == ["happy", "angry"]
    assert labelled.targets.argmax(axis=1).tolist() == labelled.labels.tolist()
    assert [LABELS[label] for label in rated.labels] == ["neutral"]
    np.testing.assert_allclose(rated.targets, [[0.6, 0, 0, 0.4, 0, 0, 0]], rtol=1e-6)
    assert rated.auxiliary is not None
    assert [LABELS[label] for label in rated.auxiliary.argmax(axis=1)] == ["happy"]
    (tmp_path / "fer2013new.csv").write_text(VOTES_HEADER)
    with pytest.raises(InputError, match="must match"):
        fer2013.read(tmp_path, "Training")


def test_missing_data_are_reported_with_what_to_do(tmp_path: Path) -> None:
    """An empty folder, a missing one and an unknown split each get their sentence."""
    with pytest.raises(InputError, match=r"fer2013\.csv"):
        fer2013.read(tmp_path, "Training")
    with pytest.raises(InputError, match="not a folder"):
        fer2013.read(tmp_path / "nowhere", "Training")
    with pytest.raises(InputError, match="PublicTest"):
        fer2013.read(tmp_path, "validation")


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """Any content of a CSV yields faces or one of mien's errors."""
    folder = tmp_path_factory.mktemp("csv")
    (folder / "fer2013.csv").write_bytes(b"emotion,pixels,Usage\n" + content)
    with pytest.raises(MienError):
        fer2013.read(folder, "Training")


def test_the_real_splits(shared: Path, tmp_path: Path) -> None:
    """The real faces are the same in both layouts."""
    archive = only_public_test(shared / "fer2013" / "fer2013-train-val.zip", tmp_path / "public-test.zip")
    for extra in ([], ["--folders"]):
        folder = tmp_path / ("tree" if extra else "csv")
        old, sys.argv = sys.argv, ["unpack.py", str(folder), "--archive", str(archive), *extra]
        try:
            runpy.run_path(str(shared / "fer2013" / "unpack.py"), run_name="__main__")
        finally:
            sys.argv = old
    from_csv, from_tree = (fer2013.read(tmp_path / name, "PublicTest") for name in ("csv", "tree"))
    assert len(from_csv) == len(from_tree) == 3579
    assert np.bincount(from_csv.labels).tolist() == np.bincount(from_tree.labels).tolist()
    assert from_csv.images.sum() == from_tree.images.sum()


def only_public_test(archive: Path, out: Path) -> Path:
    """Copy the archive without its training faces, which take most of the time to unpack."""
    with zipfile.ZipFile(archive) as source, zipfile.ZipFile(out, "w") as target:
        table = csv.DictReader(io.StringIO(source.read("labels.csv").decode()))
        rows = [row for row in table if row["usage"] == "PublicTest"]
        text = io.StringIO()
        writer = csv.DictWriter(text, table.fieldnames or ())
        writer.writeheader()
        writer.writerows(rows)
        target.writestr("labels.csv", text.getvalue())
        for row in rows:
            name = "faces/" + row["file"].replace(".png", ".webp")
            target.writestr(name, source.read(name))
    return out
