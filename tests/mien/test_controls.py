"""The controls of the running daemon."""

from __future__ import annotations

import pytest

from mien.config import MoodConfig, VisionConfig
from mien.controls import Controls


def test_controls_refuse_nonsense() -> None:
    """An unknown profile or a threshold outside 0 to 1 changes nothing."""
    controls = Controls(VisionConfig(), MoodConfig())
    with pytest.raises(ValueError, match="eco"):
        controls.profile = "turbo"  # type: ignore[assignment]
    for bad in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="0 to 1"):
            controls.threshold = bad
    assert (controls.profile, controls.threshold) == ("balanced", MoodConfig().threshold)
