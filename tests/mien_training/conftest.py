"""Fixtures of the training tests: small data sets, finished runs, and recipes with small networks."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mien_training.data.augment import Augmentation
from tests.conftest import face_folders
from tests.fakes.rated_faces import write_rated_faces

if TYPE_CHECKING:
    from mien_training.recipes import Recipe

with warnings.catch_warnings(), contextlib.suppress(ImportError):  # without Keras the tests that need it are skipped
    warnings.simplefilter("ignore")  # TensorFlow's own
    import keras
    import tensorflow as tf

NO_AUGMENTATION = Augmentation(
    rotation=0, shift=0, scale=0, contrast=0, brightness=0, flip=False, low_resolution=0, noise=0
)

SEED_EPOCHS = 3


@pytest.fixture(scope="session")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small tree of noisy demo faces, a folder a label."""
    folder = tmp_path_factory.mktemp("faces")
    face_folders(folder)
    return folder


@pytest.fixture(scope="session")
def rated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Noise with FER2013's labels and FER+'s votes, 70 faces a split."""
    return write_rated_faces(tmp_path_factory.mktemp("rated"), count=70)


@pytest.fixture(scope="session")
def few_rated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `rated`, 14 faces a split."""
    return write_rated_faces(tmp_path_factory.mktemp("few"))


@pytest.fixture(scope="session")
def seed_run(faces: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the recipe seed."""
    return _train("seed", faces, tmp_path_factory.mktemp("runs") / "seed", epochs=SEED_EPOCHS)


@pytest.fixture(scope="session")
def mien_run(faces: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the recipe mien."""
    return _train("mien", faces, tmp_path_factory.mktemp("runs") / "mien", epochs=1)


def _train(name: str, data: Path, run: Path, epochs: int) -> Path:
    pytest.importorskip("keras", reason="needs the extra 'training'")
    from mien_training import fit as fitting
    from mien_training.recipes import RECIPES

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the backend's own
        fitting.fit(RECIPES[name], data, run, epochs=epochs, seed=3)
    return run


@pytest.fixture
def eager() -> Iterator[None]:
    """Run TensorFlow's functions without compiling them, which takes most of the time of a short run."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def small(recipe: Recipe) -> Recipe:
    """Return the recipe with a network of the same kinds of layers, but few of them: quick to compile."""
    from mien_training.networks.mirror_layers import MirrorBranch, MirrorMean
    from mien_training.recipes.parts import features

    layers = keras.layers

    def network() -> Any:
        faces = keras.Input((48, 48, 1))
        maps = layers.Rescaling(1 / 255)(faces)
        maps = features(maps) if recipe.name == "parts" else maps
        maps = layers.Conv2D(16, 3, padding="same", use_bias=False)(maps)
        maps = layers.MaxPooling2D(4)(layers.ReLU()(layers.BatchNormalization(momentum=0.95)(maps)))
        maps = MirrorBranch()(maps) if recipe.mirrored else maps
        maps = layers.Conv2D(24, 3, padding="same", use_bias=False)(maps)
        pooled = layers.GlobalAveragePooling2D()(layers.ReLU()(layers.BatchNormalization(momentum=0.95)(maps)))
        pooled = layers.Dropout(0.2)(MirrorMean()(pooled) if recipe.mirrored else pooled)
        return keras.Model(faces, layers.Dense(7, dtype="float32")(pooled), name=recipe.name)

    return replace(recipe, network=network)


def small_network() -> Any:
    """Multiply-adds: 24 x 24 x 9 x 4, 24 x 24 x 9 x 4, 24 x 24 x 4 x 8 and 8 x 7."""
    return keras.Sequential(
        [
            keras.Input((48, 48, 1)),
            keras.layers.Conv2D(4, 3, strides=2, padding="same", use_bias=False),
            keras.layers.DepthwiseConv2D(3, padding="same"),
            keras.layers.Conv2D(8, 1, activation="relu"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(7),
        ]
    )
