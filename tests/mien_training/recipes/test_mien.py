"""The recipe mien and the weights of the network that ships."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mien_training.data.labels import VIEW_NAMES
from mien_training.evaluation.predict import keras_logits
from mien_training.learner import build_learner, load_teacher
from mien_training.recipes import RECIPES
from tests.conftest import ROOT

keras = pytest.importorskip("keras", reason="needs the extra 'training'")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")  # the backend's own

WEIGHTS = ROOT / "training" / "weights" / "mien"


def test_the_weights_in_the_repository_load_into_the_recipe() -> None:
    """As a teacher and as a start, with mirrored pairs."""
    settings = json.loads((WEIGHTS / "recipe.json").read_text(encoding="utf-8"))
    recipe = RECIPES[settings["recipe"]]
    assert settings["view"] == recipe.view
    assert recipe.view in VIEW_NAMES
    teacher, learner = load_teacher(WEIGHTS), build_learner(recipe, 9, start=WEIGHTS)
    for one, other in zip(teacher.get_weights(), learner.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_saved_network_loads_with_its_own_layers(tmp_path: Path) -> None:
    """The layers for both sides of a face are registered with Keras; the loaded network has the same logits."""
    teacher = load_teacher(WEIGHTS)
    teacher.save(tmp_path / "model.keras")
    faces = np.random.default_rng(0).integers(0, 256, (4, 48, 48, 1)).astype(np.uint8)
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(keras_logits(loaded, faces), keras_logits(teacher, faces), rtol=1e-5, atol=1e-5)
