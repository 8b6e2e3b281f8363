"""A small data set in FER2013's layout with FER+'s votes beside it: noise, not the face of a person."""

from __future__ import annotations

from pathlib import Path

import numpy as np

VOTES_HEADER = "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF\n"
"""The first line of FER+'s published table."""

_VOTED = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")


def write_rated_faces(folder: Path, count: int = 14) -> Path:
    """Write this many faces a split, of each expression in turn; the votes name another, and the first has none."""
    rng = np.random.default_rng(5)
    faces, votes = ["emotion,pixels,Usage"], ["Usage," + ",".join(_VOTED)]
    for split in ("Training", "PublicTest", "PrivateTest"):
        for number in range(count):
            pixels = " ".join(map(str, rng.integers(0, 256, 48 * 48)))
            faces.append(f"{number % 7},{pixels},{split}")
            row = ["10" if number and place == (number + 1) % 7 else "0" for place in range(7)]
            votes.append(f"{split},{','.join(row)}")
    (folder / "fer2013.csv").write_text("\n".join(faces) + "\n", encoding="utf-8")
    (folder / "fer2013new.csv").write_text("\n".join(votes) + "\n", encoding="utf-8")
    return folder
