"""Published architectures in every format that Keras 2 and 3 write: they load, convert and verify in both runtimes."""

from __future__ import annotations

import functools
import json
import warnings
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mien.errors import ModelError
from mien.vision import model_file
from mien.vision.runtime import installed
from tests.fakes.pattern_faces import write_pattern_faces
from tests.mien_convert.conftest import Convert

pytest.importorskip("tensorflow", reason="needs the extra 'training'")
pytestmark = pytest.mark.filterwarnings("ignore")  # TensorFlow and Keras warn about their own code

from mien_convert.source import open_source  # noqa: E402  # after TensorFlow was found
from tests.fakes.published_networks import ARCHITECTURES, fitted, save_as, twin  # noqa: E402  # after TensorFlow was found

FORMATS = ("3 net.keras", "3 net.h5", "3 net", "2 net.keras", "2 net.h5", "2 net")
"""The version of Keras, and the name that gives the format; without a suffix a SavedModel."""

Saved = Callable[[str, str], Path]


@pytest.fixture(scope="session")
def few_faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set that is quick to calibrate with."""
    return write_pattern_faces(tmp_path_factory.mktemp("few"), training=3, validation=2)


@functools.cache
def network(architecture: str) -> Any:
    return fitted(architecture)


@functools.cache
def old_network(architecture: str) -> Any:
    """Return the same network in Keras 2, which is still published for each TensorFlow."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        old_keras = pytest.importorskip("tf_keras", reason="needs tf_keras, of the extra 'dev'")
    return twin(network(architecture), architecture, old_keras)


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Saved:
    """Return the file of an architecture in a format, written at its first use."""

    @functools.cache
    def save(architecture: str, form: str) -> Path:
        version, name = form.split()
        own = network(architecture) if version == "3" else old_network(architecture)
        return save_as(own, tmp_path_factory.mktemp("saved") / name)

    return save


@pytest.mark.parametrize(
    ("architecture", "form"), [pair for pair in product(ARCHITECTURES, FORMATS) if pair != ("augmented", "3 net")]
)
def test_every_format_loads_as_the_same_function(saved: Saved, architecture: str, form: str) -> None:
    """The outputs are those of the network that was saved."""
    levels = 1 if architecture == "vgg" else 255
    faces = np.random.default_rng(0).uniform(0, levels, (3, 48, 48, 1)).astype(np.float32)
    source = open_source(saved(architecture, form))
    assert (source.input_shape, source.outputs, source.batch) == ((48, 48, 1), 7, None)
    np.testing.assert_allclose(source.call(faces), network(architecture)(faces, training=False), atol=1e-5)


def test_a_saved_model_that_augments_is_refused(saved: Saved) -> None:
    """Keras 3 exports augmentation layers as active ones: what they do to a face is random."""
    with pytest.raises(ModelError, match="augmentation layers are active"):
        open_source(saved("augmented", "3 net"))


@pytest.mark.parametrize(
    ("architecture", "form", "mode"),
    [
        *zip(ARCHITECTURES, ("2 net.hdf5", "3 net.h5", "2 net", "2 net.keras", "2 net.h5"), ["int8"] * 5, strict=True),
        ("mini_xception", "3 net.keras", "dynamic"),
        ("mini_xception", "3 net", "float16"),
        ("mini_xception", "2 net.h5", "float32"),
    ],
)
def test_published_networks_convert_and_verify(
    convert: Convert, saved: Saved, few_faces: Path, tmp_path: Path, architecture: str, form: str, mode: str
) -> None:
    """Every one in int8, and one in every mode, in both runtimes, without a message of a library.

    In the float modes `quantize` itself compares the runtimes, which is enough here.
    """
    source, file = saved(architecture, form), tmp_path / "net.tflite"
    converted = convert("quantize", source, "--data", few_faces, "--out", file, "--mode", mode)
    assert (converted.code, converted.err) == (0, "loading TensorFlow\n")
    assert model_file.read(file)[1].accuracy == 1.0
    if mode != "int8":
        assert all(f"{runtime}: loads" in converted.out for runtime in installed())
        return
    verified = convert("verify", file, "--against", source, "--data", few_faces, "--json")
    assert verified.code == 0, verified
    assert set(json.loads(verified.out)["runtimes"]) == set(installed())
