"""Networks that are invariant to mirroring a face."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mien_training import fit as fitting
from mien_training import learner
from mien_training.data import fer2013
from mien_training.evaluation.predict import keras_logits
from mien_training.recipes import RECIPES
from tests.mien_training.conftest import NO_AUGMENTATION, small

keras = pytest.importorskip("keras", reason="needs the extra 'training'")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")  # the backend's own


@pytest.mark.usefixtures("eager")
def test_a_mirrored_face_has_the_same_logits(rated: Path, tmp_path: Path) -> None:
    """After training, too, and although the training faces were not mirrored."""
    recipe = replace(small(RECIPES["fer2013"]), augmentation=NO_AUGMENTATION, batch=10)
    fitting.fit(recipe, rated, tmp_path, epochs=2, seed=4)
    network = keras.saving.load_model(tmp_path / "model.keras")
    faces = fer2013.read(rated, "Training").images
    original, flipped = (keras_logits(network, images) for images in (faces, faces[:, :, ::-1]))
    assert (
        np.abs(original - flipped).max() < 0.01 * np.ptp(original, axis=0).max()
    )  # and not because all faces have the same
    learner.build_learner(recipe, 9, start=tmp_path)  # is not refused
