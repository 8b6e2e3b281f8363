"""Averaging the weights of several runs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mien_training import fit as fitting
from mien_training import learner
from mien_training.cli import main
from mien_training.recipes import RECIPES
from tests.mien_training.conftest import small

keras = pytest.importorskip("keras", reason="needs the extra 'training'")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")  # the backend's own


@pytest.mark.usefixtures("eager")
def test_the_weights_of_runs_are_averaged(faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mean is a finished run, to teach, to start from or to convert; runs with different networks are refused."""
    monkeypatch.setitem(RECIPES, "mien", small(RECIPES["mien"]))
    monkeypatch.setitem(RECIPES, "mien-device", replace(RECIPES["mien"], name="mien-device"))
    runs = [str(tmp_path / "first"), str(tmp_path / "on")]
    fitting.fit(RECIPES["mien"], faces, tmp_path / "first", epochs=1, seed=3)
    fitting.fit(RECIPES["mien-device"], faces, tmp_path / "on", epochs=1, seed=4, start=tmp_path / "first")
    arguments = ["--data", str(faces), "--out", str(tmp_path / "mean")]
    assert main(["average", *runs, *arguments]) == 0
    one, other, mean = (learner.load_teacher(run).get_weights() for run in [*map(Path, runs), tmp_path / "mean"])
    for mine, yours, ours in zip(one, other, mean, strict=True):
        np.testing.assert_allclose(ours, (mine + yours) / 2, rtol=1e-5, atol=1e-7)
    assert json.loads((tmp_path / "mean" / "metrics.json").read_text())["faces"] > 0
    assert main(["average", *runs, *arguments]) == 4  # a run exists there already
    assert main(["average", runs[0], *arguments]) == 2
    settings = tmp_path / "on" / "recipe.json"
    settings.write_text(settings.read_text().replace('"mien-device",', '"parts",', 1))
    assert main(["average", *runs, "--data", str(faces), "--out", str(tmp_path / "none")]) == 4
    assert main(["average", runs[1], runs[1], "--data", str(faces), "--out", str(tmp_path / "none")]) == 4
    assert not (tmp_path / "none").exists()
