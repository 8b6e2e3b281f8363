"""Comparing model files: a row per file, runtime and number of threads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mien.vision.runtime import installed
from tests.mien_convert.conftest import Convert, assert_refused

pytest.importorskip("tensorflow", reason="needs the extra 'training'")
pytestmark = pytest.mark.filterwarnings("ignore")  # TensorFlow and Keras warn about their own code

from tests.fakes.pattern_network import pattern_network, save_network  # noqa: E402  # after TensorFlow was found


def test_compare_measures_every_case(convert: Convert, faces: Path, tmp_path: Path) -> None:
    """A row for each file, runtime and number of threads, as a table, as JSON and as a picture."""
    source, files = (
        save_network(tmp_path / "net.keras", pattern_network()),
        [tmp_path / "a.tflite", tmp_path / "b.tflite"],
    )
    for file, mode in zip(files, ("int8", "float32"), strict=True):
        assert convert("quantize", source, "--data", faces, "--out", file, "--mode", mode).code == 0
    outcome = convert("compare", *files, "--data", faces, "--json", "--picture", tmp_path / "c.svg")
    assert outcome.code == 0, outcome
    rows = json.loads(outcome.out)
    assert len(rows) == 2 * 3 * len(installed())
    for row in rows:
        assert row["accuracy"] == 1.0
        assert 0 < row["median_ms"] <= row["p90_ms"]
        assert 20 < row["memory_mib"] < 400
        assert row["load_ms"] > 0
    assert "<svg" in (tmp_path / "c.svg").read_text(encoding="utf-8")


def test_compare_refuses_wrong_arguments(convert: Convert, faces: Path, tmp_path: Path) -> None:
    """A file without a contract, a file named twice, an unknown picture format: refused before any measurement."""
    source = save_network(tmp_path / "net.keras", pattern_network())
    assert_refused(convert("compare", source, "--data", faces), 5, "net.keras")
    assert_refused(convert("compare", source, source, "--data", faces), 2, "twice")
    assert_refused(convert("compare", source, "--data", faces, "--picture", tmp_path / "c.txt"), 2, ".svg")
