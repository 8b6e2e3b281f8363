"""The choice of the crop margin."""

from __future__ import annotations

import pytest

from mien_training.evaluation import crop_margin


def test_the_margin_is_as_small_as_the_standard_error_allows() -> None:
    """A flat curve keeps the detector's box; a clear peak is taken."""
    assert crop_margin.smallest_good_margin([0.8] * 8, 1000) == 0
    assert crop_margin.smallest_good_margin([0.84, 0.835, 0.834, 0.83, 0.824, 0.827, 0.816, 0.82], 1000) == 0
    assert crop_margin.smallest_good_margin([0.5, 0.5, 0.5, 0.5, 0.6, 0.8, 0.8, 0.8], 1000) == pytest.approx(0.15)
