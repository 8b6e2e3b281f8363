"""The frame rate: its control and its measurement."""

from __future__ import annotations

import pytest

from mien.events import Reading, one_hot
from mien.expression import Expression
from mien.vision.frame_rate import PROFILE_LIMITS, FrameRateController, FrameRateMeter


def test_the_rate_rises_with_change_and_keeps_the_share() -> None:
    """Without change it falls to the slowest; a new expression makes it the fastest; costly frames lower it."""
    cpu_time = [0.0]
    controller = FrameRateController(cpu_time=lambda: cpu_time[0])
    neutral, happy = (Reading(one_hot(expression), 0.0) for expression in (Expression.NEUTRAL, Expression.HAPPY))
    intervals = [controller.next_interval(neutral, "balanced") for _ in range(30)]
    assert intervals[0] == PROFILE_LIMITS["balanced"].fastest
    assert intervals[-1] == PROFILE_LIMITS["balanced"].slowest
    assert controller.next_interval(happy, "balanced") == PROFILE_LIMITS["balanced"].fastest
    for _ in range(60):
        cpu_time[0] += 0.1
        last = controller.next_interval(happy, "eco")
    assert last == pytest.approx(0.1 / PROFILE_LIMITS["eco"].share, rel=0.05)


def test_the_rate_is_capped_whatever_the_profile() -> None:
    """At the fastest, and where even the slowest is faster; a lower rate of the profile's stays."""
    neutral, happy = (Reading(one_hot(expression), 0.0) for expression in (Expression.NEUTRAL, Expression.HAPPY))
    controller = FrameRateController(max_fps=2, cpu_time=lambda: 0.0)
    assert {controller.next_interval(reading, "responsive") for reading in (neutral, happy, happy, None)} == {0.5}
    assert [controller.next_interval(None, "eco") for _ in range(30)][-1] == PROFILE_LIMITS["eco"].slowest


def test_the_meter_measures_frames_a_second() -> None:
    """Of frames a quarter of a second apart, four."""
    meter = FrameRateMeter()
    assert meter.update(0.0) == 0.0
    assert [meter.update(i / 4) for i in range(1, 9)][-1] == pytest.approx(4)
