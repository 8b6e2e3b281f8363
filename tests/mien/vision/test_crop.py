"""The crop that becomes the network's input."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.events import Face
from mien.vision.crop import to_input

sizes = st.integers(1, 200)


def test_a_face_of_the_right_size_is_cut_unchanged() -> None:
    """48 pixels are not resampled."""
    gray = np.random.default_rng(0).integers(0, 256, (100, 120)).astype(np.uint8)
    assert (to_input(gray, Face(10, 20, 48, 48))[:, :, 0] == gray[20:68, 10:58]).all()


def test_the_margin_is_a_share_of_the_box_around_its_centre() -> None:
    """A margin of 0.5 on a box of 32 cuts 48 pixels about the same centre."""
    gray = np.random.default_rng(0).integers(0, 256, (100, 120)).astype(np.uint8)
    assert (to_input(gray, Face(18, 28, 32, 32), margin=0.5)[:, :, 0] == gray[20:68, 10:58]).all()


def test_beyond_the_picture_its_edge_is_repeated() -> None:
    """A face half out of the picture is padded with the edge's grey, not with black."""
    gray = np.full((60, 60), 200, np.uint8)
    assert (to_input(gray, Face(-24, -24, 48, 48)) == 200).all()


def test_a_face_outside_is_refused() -> None:
    """A box without a single pixel in the picture is an error of the caller."""
    with pytest.raises(ValueError, match="outside"):
        to_input(np.zeros((50, 50), np.uint8), Face(60, 0, 20, 20))


@given(sizes, sizes, st.integers(-50, 199), st.integers(-50, 199), sizes, st.floats(-0.5, 1))
def test_every_overlapping_box_gives_one_input(w: int, h: int, x: int, y: int, side: int, margin: float) -> None:
    """For any box, the input has its one shape and type, and no grey level that the picture lacks."""
    gray = np.full((h, w), 131, np.uint8)
    try:
        crop = to_input(gray, Face(x, y, side, side), margin)
    except ValueError:
        return
    assert crop.shape == (48, 48, 1)
    assert crop.dtype == np.uint8
    assert (crop == 131).all()
