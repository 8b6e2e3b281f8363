"""The expression recognizer, on scenes drawn around the demo's face."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from mien.config import ModelConfig, VisionConfig
from mien.errors import ModelError
from mien.events import Face, Frame, Reading, one_hot
from mien.expression import Expression
from mien.vision import yunet
from mien.vision.detector import HaarDetector
from mien.vision.quality import REASONS
from mien.vision.recognizer import ExpressionRecognizer, _combine, open_detector
from mien.vision.yunet import YunetDetector
from tests.conftest import scene
from tests.fakes.scenes import degraded_scene


def test_readings_are_combined_by_area() -> None:
    """A face of four times the area gets four fifths of the weight; one of weight 0 gets none."""
    one, other = (Reading(one_hot(expression), 1.0) for expression in (Expression.HAPPY, Expression.SAD))
    large, small = Face(0, 0, 200, 200), Face(300, 0, 100, 100)
    combined = _combine((large, small), [one, other])
    assert combined is not None
    assert combined.probabilities[Expression.HAPPY] == pytest.approx(0.8)
    assert combined.weight == pytest.approx(1.0)
    weightless = _combine((large, small), [Reading(one.probabilities, 1.0, 0.0), other])
    assert weightless is not None
    assert weightless.expression == Expression.SAD
    assert weightless.weight == pytest.approx(0.2)
    assert _combine((), []) is None


@pytest.mark.parametrize("reason", REASONS)
def test_readings_of_low_quality_weigh_less_and_are_counted(reason: str) -> None:
    """Each under its own reason."""
    recognizer = ExpressionRecognizer.open(VisionConfig(detector="haar"), ModelConfig())
    gray, face = degraded_scene(reason)
    assert recognizer.classify(Frame(gray, 0.0), face).weight < 0.8
    assert recognizer.low_quality == {reason: 1}


def test_no_objects_are_left_behind() -> None:
    """After the first hundred frames, hundreds more leave no more objects behind."""
    recognizer = ExpressionRecognizer.open(VisionConfig(detector="haar"), ModelConfig())
    gray, counts = scene(), []
    for index in range(900):
        recognizer.observe(Frame(gray, index / 10))
        if index in {99, 899}:
            gc.collect()
            counts.append(len(gc.get_objects()))
    assert counts[1] - counts[0] < 100


def test_yunet_is_used_where_its_file_is(yunet_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """auto takes YuNet once it is downloaded, haar never, and yunet without its file names the command to run."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    assert isinstance(open_detector(VisionConfig()), HaarDetector)
    with pytest.raises(ModelError, match="fetch-yunet"):
        open_detector(VisionConfig(detector="yunet"))
    yunet.default_path().write_bytes(yunet_file.read_bytes())
    assert isinstance(open_detector(VisionConfig()), YunetDetector)
    assert isinstance(open_detector(VisionConfig(detector="haar")), HaarDetector)
