"""Verifying: a file made from another network fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from mien.expression import LABELS
from tests.fakes.pattern_faces import FER2013_LABELS
from tests.mien_convert.conftest import Convert, assert_refused

pytest.importorskip("tensorflow", reason="needs the extra 'training'")
pytestmark = pytest.mark.filterwarnings("ignore")  # TensorFlow and Keras warn about their own code

from tests.fakes.pattern_network import pattern_network, save_network  # noqa: E402  # after TensorFlow was found


def test_a_file_of_another_network_fails(convert: Convert, faces: Path, tmp_path: Path) -> None:
    """A file made from another network fails, and the error gives its agreement and its cost in points."""
    own = save_network(tmp_path / "own.keras", pattern_network())
    other = save_network(tmp_path / "other.keras", pattern_network(order=FER2013_LABELS))
    assert convert("quantize", other, "--data", faces, "--out", tmp_path / "other.tflite").code == 0
    outcome = convert("verify", tmp_path / "other.tflite", "--against", own, "--data", faces)
    assert_refused(outcome, 5, "fails verification")
    assert "costs" in outcome.err
    assert "agrees on only" in outcome.err
    assert all(f"recall of {label}" in outcome.out for label in LABELS)
