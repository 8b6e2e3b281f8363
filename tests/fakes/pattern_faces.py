"""A FER2013 data set of coarse patterns in place of faces: one pattern per expression, easy to tell apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.expression import LABELS

FER2013_LABELS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
"""FER2013's own order of the labels."""

FERPLUS_COLUMNS = dict(
    zip(("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral"), FER2013_LABELS, strict=True)
)
"""FER+'s name of each label."""


def patterns() -> NDArray[np.float64]:
    """Return one coarse pattern per expression, grey levels, (7, 6, 6)."""
    return np.random.default_rng(7).integers(40, 216, (7, 6, 6)).astype(float)


def write_pattern_faces(folder: Path, training: int = 20, validation: int = 8) -> Path:
    """Write a fer2013.csv of noisy patterns, that many of each expression, and return its folder."""
    rng = np.random.default_rng(1)
    rows = ["emotion,pixels,Usage"]
    for usage, count in (("Training", training), ("PublicTest", validation)):
        for label in list(LABELS) * count:
            grid = np.kron(patterns()[LABELS.index(label)], np.ones((8, 8)))
            pixels = np.clip(grid + rng.normal(0, 12, (48, 48)), 0, 255).astype(int).ravel()
            rows.append(f"{FER2013_LABELS.index(label)},{' '.join(map(str, pixels))},{usage}")
    (folder / "fer2013.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


def write_disputed_faces(faces: Path, folder: Path) -> Path:
    """Write the same patterns with every FER2013 label wrong, FER+ votes that are right, and one face without votes."""
    header, *rows = (faces / "fer2013.csv").read_text(encoding="utf-8").splitlines()
    wrong, votes = [header], ["Usage," + ",".join(FERPLUS_COLUMNS)]
    for number, row in enumerate(rows, 1):
        code, pixels, usage = row.split(",")
        wrong.append(f"{(int(code) + 1) % 7},{pixels},{usage}")
        label = FER2013_LABELS[int(code)] if number < len(rows) else ""
        votes.append(usage + "," + ",".join("10" if own == label else "0" for own in FERPLUS_COLUMNS.values()))
    (folder / "fer2013.csv").write_text("\n".join(wrong) + "\n", encoding="utf-8")
    (folder / "fer2013new.csv").write_text("\n".join(votes) + "\n", encoding="utf-8")
    return folder
