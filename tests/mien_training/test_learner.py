"""The network during training: the weights that it starts with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mien.errors import InputError
from mien_training import fit as fitting
from mien_training import learner
from mien_training.recipes import RECIPES

keras = pytest.importorskip("keras", reason="needs the extra 'training'")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")  # the backend's own


def test_a_run_starts_with_the_weights_of_another(faces: Path, mien_run: Path, seed_run: Path, tmp_path: Path) -> None:
    """The first epoch starts where the other run ended; another network or an unfinished run is refused."""
    start = learner.build_learner(RECIPES["mien"], 9, start=mien_run).get_weights()
    network = RECIPES["mien"].network()
    network.load_weights(mien_run / "best.weights.h5")
    for one, other in zip(start, network.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    free = tmp_path / "free"
    free.mkdir()
    RECIPES["fer2013"].network().save_weights(free / "best.weights.h5")
    for name, run, why in (
        ("mien", seed_run, "another network than mien"),
        ("mien", tmp_path, "cannot be read"),
        ("fer2013", free, "without mirrored pairs"),
        ("seed", seed_run, "leave out --start"),
    ):
        with pytest.raises(InputError, match=why):
            fitting.fit(RECIPES[name], faces, tmp_path / "run", epochs=1, seed=0, start=run)
