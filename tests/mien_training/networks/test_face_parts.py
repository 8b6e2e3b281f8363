"""Approach 1: alignment by the eyes, the seven parts of a face, and a network that learns from them."""

from __future__ import annotations

import json
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mien.expression import Expression
from mien.vision.crop import to_input
from mien.vision.detector import HaarDetector, load_cascade
from mien_training import fit as fitting
from mien_training.cli import main
from mien_training.networks.face_parts import EYES, PARTS, align_faces, find_alignment, similarity_transform
from mien_training.recipes import RECIPES
from mien_training.recipes.parts import HEIGHT, WIDTH, features
from mien_training.tools import parts_picture
from tests.conftest import scene

keras = pytest.importorskip("keras", reason="needs the extra 'training'")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")  # the backend's own

FACES = np.stack([to_input(frame, HaarDetector(60).detect(frame)[0]) for frame in map(scene, Expression)])


def moved(points: NDArray[np.float64], turn: float, scale: float, shift: tuple[float, float]) -> NDArray[np.float64]:
    """Points turned (degrees) and scaled about the middle of a face, and shifted."""
    cosine, sine = (scale * function(math.radians(turn)) for function in (math.cos, math.sin))
    return np.asarray((points - 24) @ np.array([[cosine, sine], [-sine, cosine]]) + 24 + np.array(shift))


@given(st.floats(-24, 24), st.floats(0.8, 1.2), st.tuples(st.floats(-9, 9), st.floats(-9, 9)))
def test_eyes_are_moved_to_their_places(turn: float, scale: float, shift: tuple[float, float]) -> None:
    """Wherever a head that is not too tilted has its eyes, the transform moves both to their places."""
    eyes = moved(EYES, turn, scale, shift)
    move = similarity_transform(eyes, EYES)
    assert move is not None
    np.testing.assert_allclose(cv2.transform(eyes[np.newaxis], move)[0], EYES, atol=1e-6)


@pytest.mark.parametrize(("turn", "scale"), [(40, 1), (-40, 1), (180, 1), (0, 0.5), (0, 2), (0, 0)])
def test_implausible_eyes_are_ignored(turn: float, scale: float) -> None:
    """Two hits far too close, too wide or too oblique leave the face as it is, and so does one place hit twice."""
    assert similarity_transform(moved(EYES, turn, scale, (0, 0)), EYES) is None


def test_a_tilted_face_is_turned_back() -> None:
    """The demo's face, tilted by ten degrees, is turned back by about as much."""
    frame = parts_picture.draw_tilted_face(Expression.SURPRISE)
    move = find_alignment(to_input(frame, HaarDetector(60).detect(frame)[0])[:, :, 0], load_cascade("eye"))
    assert move is not None
    assert math.degrees(math.atan2(move[1, 0], move[0, 0])) == pytest.approx(parts_picture.TILT, abs=4)


def test_alignment_does_not_depend_on_other_faces() -> None:
    """A face is aligned alike alone and among others, twice over: a resumed run gets the same faces as before."""
    aligned = align_faces(FACES)
    assert aligned.shape == FACES.shape
    assert aligned.dtype == np.uint8
    assert (aligned != FACES).any()
    for index in range(len(FACES)):
        assert (align_faces(FACES[index : index + 1])[0] == aligned[index]).all()


def test_without_eyes_a_face_is_unchanged() -> None:
    """A picture in which the cascade detects no eyes is left as it is."""
    plain = np.full((2, 48, 48, 1), 90, np.uint8)
    assert (align_faces(plain) == plain).all()


def test_every_part_has_its_channel() -> None:
    """Of a picture that holds its own coordinates, each channel has the mean of its part's centre."""
    rows, columns = np.mgrid[:48, :48].astype(np.float32)
    matrix = np.asarray(features(np.stack([rows, columns])[..., np.newaxis]))
    assert matrix.shape == (2, HEIGHT, WIDTH, 7)
    for channel, part in enumerate(PARTS.values()):
        assert matrix[0, :, :, channel].mean() == pytest.approx((part.top + part.bottom - 1) / 2, abs=0.1)
        assert matrix[1, :, :, channel].mean() == pytest.approx((part.left + part.right - 1) / 2, abs=0.1)


def test_left_mirrors_right() -> None:
    """Faces are mirrored in training, so the parts of both sides must be mirror images."""
    for name, part in PARTS.items():
        other = PARTS[name.replace("left", "right") if "left" in name else name.replace("right", "left")]
        assert (48 - part.right, part.top, 48 - part.left, part.bottom) == other


def test_evaluate_aligns_faces_as_the_run_did(faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`mien-train evaluate` of a run of parts gives the run's own figures."""
    metrics = fitting.fit(RECIPES["parts"], faces, tmp_path, epochs=1, seed=1)
    arguments = ["evaluate", str(tmp_path / "model.keras"), "--data", str(faces), "--split", "PublicTest", "--json"]
    assert main(arguments) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["confusion"] == metrics["confusion"]


def test_the_picture_shows_seven_parts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command writes the face and its seven parts, the same bytes each time; wrong arguments print its usage."""
    paths = [tmp_path / name for name in ("one.svg", "two.svg")]
    assert [parts_picture.main([str(path)]) for path in paths] == [0, 0]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert paths[0].read_text().count("<image ") == 1 + len(PARTS)
    assert parts_picture.main([]) == 2
    assert "usage" in capsys.readouterr().err
    (tmp_path / "file").touch()
    assert parts_picture.main([str(tmp_path / "file" / "p.svg")]) == 4
