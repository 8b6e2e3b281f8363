"""The quality of a face's picture."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.events import Face
from mien.vision.crop import to_input
from mien.vision.quality import REASONS, assess_quality
from tests.fakes.scenes import degraded_scene


@pytest.mark.parametrize("reason", REASONS)
def test_each_defect_has_its_reason(reason: str) -> None:
    """Each kind of poor picture is recognized as what it is."""
    gray, face = degraded_scene(reason)
    assert assess_quality(face, gray.shape, to_input(gray, face)).reason == reason


def test_a_good_picture_keeps_its_weight() -> None:
    """The demo's face has no defect."""
    gray, face = degraded_scene("not at all")
    assert assess_quality(face, gray.shape, to_input(gray, face)) == (1.0, "")


@given(st.integers(-100, 700), st.integers(-100, 500), st.integers(1, 600), st.integers(0, 255))
def test_any_box_can_be_assessed(x: int, y: int, side: int, level: int) -> None:
    """A weight is from 0 to 1 wherever the box lies."""
    quality = assess_quality(Face(x, y, side, side), (480, 640), np.full((48, 48, 1), level, np.uint8))
    assert 0 <= quality.weight <= 1
