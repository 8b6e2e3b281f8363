"""Sources of a conversion: every kind is loaded, and a damaged one is refused in one sentence."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from mien.vision import model_file
from tests.mien_convert.conftest import Convert, assert_refused, quantize_command

pytest.importorskip("tensorflow", reason="needs the extra 'training'")
pytestmark = pytest.mark.filterwarnings("ignore")  # TensorFlow and Keras warn about their own code

import keras  # noqa: E402  # after TensorFlow was found

from mien_convert.operators import operators  # noqa: E402  # after TensorFlow was found
from mien_training.networks.mirror_layers import MirrorBranch, MirrorMean  # noqa: E402  # after TensorFlow was found
from tests.fakes.pattern_network import pattern_network, save_network  # noqa: E402  # after TensorFlow was found


@pytest.mark.parametrize("name", ["net.keras", "net.h5", "net"])
def test_every_kind_of_source_converts(convert: Convert, faces: Path, tmp_path: Path, name: str) -> None:
    """A .keras file, an .h5 file and a SavedModel folder give the same network."""
    source, file = save_network(tmp_path / name, pattern_network()), tmp_path / "net.tflite"
    assert convert("quantize", source, "--data", faces, "--out", file).code == 0
    contract = model_file.read(file)[1]
    assert (contract.accuracy, contract.adapted, contract.recipe) == (1.0, "", name)
    assert convert("verify", file, "--against", source, "--data", faces).code == 0


def test_a_network_with_mirror_layers_converts(faces: Path, tmp_path: Path) -> None:
    """A fresh process loads these custom layers, and all of the network becomes int8."""
    network = keras.Sequential(
        [
            keras.Input((48, 48, 1)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Conv2D(4, 3, strides=4, activation="relu"),
            MirrorBranch(),
            keras.layers.Conv2D(6, 3, activation="relu"),
            keras.layers.GlobalAveragePooling2D(),
            MirrorMean(),
            # unequal outputs, so that rounding does not change the best one
            keras.layers.Dense(7, bias_initializer=keras.initializers.RandomNormal(stddev=5, seed=1)),
        ]
    )
    source, file = save_network(tmp_path / "two.keras", network), tmp_path / "two.tflite"
    process = subprocess.run(quantize_command(source, faces, file), check=False, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    assert not {"QUANTIZE", "DEQUANTIZE"} & set(operators(model_file.read(file)[0]))


def test_damaged_sources_are_refused(convert: Convert, faces: Path, tmp_path: Path) -> None:
    """A cut file, a file of junk, a folder of junk: one sentence each."""
    whole = save_network(tmp_path / "whole.keras", pattern_network()).read_bytes()
    (tmp_path / "cut.keras").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "junk.h5").write_bytes(b"junk")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "saved_model.pb").write_bytes(b"junk")
    for name, code in (("cut.keras", 5), ("junk.h5", 5), ("folder", 5), ("missing.keras", 4)):
        assert_refused(
            convert("quantize", tmp_path / name, "--data", faces, "--out", tmp_path / "net.tflite"), code, name
        )
    assert not (tmp_path / "net.tflite").exists()


def test_an_unfinished_run_is_refused(convert: Convert, faces: Path, tmp_path: Path) -> None:
    """The error for a run without metrics names the command that finishes it."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "recipe.json").write_text("{}", encoding="utf-8")
    assert_refused(
        convert("quantize", tmp_path / "run", "--data", faces, "--out", tmp_path / "a.tflite"), 4, "mien-train fit"
    )
