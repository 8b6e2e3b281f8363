"""Reading faces with labels from the layouts in which FER2013 is distributed."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.errors import InputError
from mien.expression import LABELS, Expression
from mien.vision.crop import INPUT_SIDE, resize
from mien.vision.model_file import View
from mien.vision.photo import read_gray
from mien_training.data import visgraf
from mien_training.data.label_mapping import LabelMapping
from mien_training.data.labels import open_columns
from mien_training.data.picture_folders import list_pictures, split_folder

SPLITS = {"Training": "train", "PublicTest": "val", "PrivateTest": "test"}
"""FER2013's name of each split, and the folder that holds it in a tree of pictures."""

_KAGGLE_CODES = tuple(Expression[name] for name in ("ANGRY", "DISGUST", "FEAR", "HAPPY", "SAD", "SURPRISE", "NEUTRAL"))
_KAGGLE_DIGITS = ("0", "1", "2", "3", "4", "5", "6")
_CSV_NAMES = ("fer2013.csv", "icml_face_data.csv")
_VOTES_NAME = "fer2013new.csv"
_VOTES = ("neutral", "happiness", "sadness", "surprise", "anger", "disgust", "fear")


class NoFacesError(InputError):
    """The data set has no face of the split."""


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """Faces with their labels.

    images: uint8, (count, 48, 48, 1). labels: int64, (count,), indices of Expression.
    votes: float32, (count, 7), the shares of FER+'s votes for each expression, where there is fer2013new.csv; zeros for
    a face without a vote for one of the seven.
    files: the path of each face's picture, where each has its own.
    auxiliary: float32, (count, 7), in a view of faces with votes: the targets of the other view.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    votes: NDArray[np.float32] | None = None
    files: NDArray[np.str_] | None = None
    auxiliary: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, chosen: slice | NDArray[Any]) -> Faces:
        """Return the faces of a slice, a mask or indices."""
        votes = None if self.votes is None else self.votes[chosen]
        files = None if self.files is None else self.files[chosen]
        auxiliary = None if self.auxiliary is None else self.auxiliary[chosen]
        return Faces(self.images[chosen], self.labels[chosen], votes, files, auxiliary)

    def view(self, name: View) -> Faces:
        """Return the faces with FER2013's labels, or those with a FER+ vote, labelled with the majority of the votes.

        Without votes both views are the faces themselves. Raises NoFacesError where no face has a vote.
        """
        if self.votes is None:
            return self
        if name == "fer2013":
            return replace(self, votes=None, auxiliary=self.votes)
        rated = self[self.rated]
        if not len(rated):
            raise NoFacesError(f"FER+'s votes leave no face: check that {_VOTES_NAME} is complete.")
        assert rated.votes is not None
        return replace(rated, labels=rated.votes.argmax(axis=1), auxiliary=one_hot(rated.labels))

    @property
    def rated(self) -> NDArray[np.bool_]:
        """Whether each face has a vote for one of the seven expressions, bool (count,); all True without votes."""
        return np.ones(len(self), bool) if self.votes is None else self.votes.sum(axis=1) > 0

    @property
    def targets(self) -> NDArray[np.float32]:
        """The training targets, float32 (count, 7): the votes, or else the labels, one-hot."""
        return one_hot(self.labels) if self.votes is None else self.votes


def one_hot(labels: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return labels one-hot, float32 (count, 7)."""
    return np.eye(len(LABELS), dtype=np.float32)[labels]


def read(data: Path, split: str, labels: LabelMapping | None = None) -> Faces:
    """Read one split ("Training", "PublicTest" or "PrivateTest") from a folder.

    data: a folder with Kaggle's fer2013.csv or icml_face_data.csv, with train/LABEL/ and val/LABEL/ of pictures, or
    with the VISGRAF faces database.
    labels: the expressions of folders with other names.
    Raises InputError, with file and line, for anything else.
    """
    if split not in SPLITS:
        raise InputError(f"Split {split!r} is unknown: use {', '.join(SPLITS)}.")
    if not data.is_dir():
        raise InputError(f"{data} is not a folder: give the one that holds fer2013.csv or train/ and val/.")
    for name in _CSV_NAMES:
        if (data / name).is_file():
            faces = replace(_collect(_csv_rows(data / name, split), data / name, split), files=None)
            votes = data / _VOTES_NAME
            return replace(faces, votes=_votes(votes, split, len(faces))) if votes.is_file() else faces
    folder = split_folder(data, SPLITS[split])
    if folder is not None:
        return _collect(_folder_rows(folder, labels), folder, split)
    if visgraf.contains_database(data):
        return _collect(visgraf.read_split(data, split), data, split)
    raise NoFacesError(f"{data} has no faces for {split}: put fer2013.csv or a folder {SPLITS[split]}/LABEL/ there.")


def contains_table(data: Path) -> bool:
    """Return whether a folder holds FER2013's table."""
    return any((data / name).is_file() for name in _CSV_NAMES)


def count_duplicates(train: Faces, validation: Faces) -> int:
    """Return how many of the validation faces are training faces too, pixel for pixel.

    The accuracy on such faces measures memory, not generalisation. Raises InputError, with both paths, for pictures in
    files; duplicates in published tables are only counted, since all published figures include them.
    """
    training_index = {image.tobytes(): index for index, image in enumerate(train.images)}
    matches = [(training_index.get(image.tobytes()), index) for index, image in enumerate(validation.images)]
    pairs = [(first, second) for first, second in matches if first is not None]
    if pairs and train.files is not None and validation.files is not None:
        one, other = train.files[pairs[0][0]], validation.files[pairs[0][1]]
        raise InputError(
            f"{one} and {other} are the same picture: keep it for training or for validation, not for both."
        )
    return len(pairs)


def _collect(rows: Iterator[tuple[NDArray[np.uint8], Expression, Path]], source: Path, split: str) -> Faces:
    images, labels, files = [], [], []
    for image, label, file in rows:
        images.append(image)
        labels.append(int(label))
        files.append(str(file))
    if not images:
        raise NoFacesError(f"{source} holds no face of {split}: check that the download is complete.")
    return Faces(np.stack(images)[..., np.newaxis], np.array(labels, np.int64), files=np.array(files))


def _votes(path: Path, split: str, count: int) -> NDArray[np.float32]:
    """Read FER+'s votes for the faces of a split, as shares; its rows are in the order of fer2013.csv's.

    Contempt and unknown are ignored. So is a single vote for an expression where another expression has several, as in
    the authors' own training (Barsoum et al. 2016): it counts as an outlier.
    """
    rows = []
    with open_columns(path, ("usage", *_VOTES)) as (table, header):
        if {"usage", *_VOTES} - set(header):
            raise InputError(f"{path} is not FER+'s table: expected Usage and {', '.join(_VOTES)}.")
        columns = [header.index(name) for name in _VOTES]
        for number, row in table.rows():
            try:
                if row[header.index("usage")].strip() == split:
                    rows.append([int(row[column]) for column in columns])
            except (ValueError, IndexError):
                raise InputError(
                    f"{path}, line {number}: the votes are not whole numbers; download it again."
                ) from None
    if len(rows) != count:
        raise InputError(f"{path} has {len(rows)} rows of {split} where the faces are {count}: it must match them.")
    votes = np.array(rows, np.float32)
    votes[(votes == 1) & (votes.max(axis=1, keepdims=True) > 1)] = 0
    return np.asarray(votes / np.maximum(votes.sum(axis=1, keepdims=True), 1), np.float32)


def _csv_rows(path: Path, split: str) -> Iterator[tuple[NDArray[np.uint8], Expression, Path]]:
    with open_columns(path, ("emotion", "pixels", "usage")) as (table, header):
        missing = {"emotion", "pixels", "usage"} - set(header)
        if missing:
            raise InputError(f"{path} has no column {', '.join(sorted(missing))}: expected emotion, pixels and Usage.")
        emotion, pixels, usage = (header.index(name) for name in ("emotion", "pixels", "usage"))
        for number, row in table.rows():
            if len(row) != len(header):
                raise InputError(
                    f"{path}, line {number}: {len(row)} fields instead of {len(header)}; download it again."
                )
            if row[usage].strip() not in SPLITS:
                raise InputError(f"{path}, line {number}: Usage {row[usage][:20]!r} is not one of {', '.join(SPLITS)}.")
            if row[usage].strip() == split:
                where = f"{path}, line {number}"
                yield _pixels(row[pixels], where), _kaggle_label(row[emotion], where), path


def _kaggle_label(text: str, where: str) -> Expression:
    try:
        return _KAGGLE_CODES[_KAGGLE_DIGITS.index(text.strip())]
    except ValueError:
        raise InputError(f"{where}: emotion {text[:20]!r} is not a number from 0 to 6.") from None


def _pixels(text: str, where: str) -> NDArray[np.uint8]:
    count = INPUT_SIDE * INPUT_SIDE
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # numpy only warns about text that is not a number
            values = np.fromstring(text, dtype=np.int64, sep=" ")
    except (DeprecationWarning, ValueError):
        raise InputError(f"{where}: the pixels are not all whole numbers.") from None
    if values.size != count:
        raise InputError(f"{where}: {values.size} pixels instead of {count} (48 x 48).")
    if values.min() < 0 or values.max() > 255:
        raise InputError(f"{where}: a pixel is outside 0 to 255.")
    return values.astype(np.uint8).reshape(INPUT_SIDE, INPUT_SIDE)


def _folder_rows(folder: Path, labels: LabelMapping | None) -> Iterator[tuple[NDArray[np.uint8], Expression, Path]]:
    for picture in list_pictures(folder, labels):
        yield resize(read_gray(picture.path, min_side=8, max_side=1280)), picture.label, picture.path
