"""Keras's files of every year: they load in float32, or are refused with the cause and the way that works."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mien.errors import ModelError
from tests.mien_convert.conftest import Convert, assert_refused

pytest.importorskip("tensorflow", reason="needs the extra 'training'")
pytestmark = pytest.mark.filterwarnings("ignore")  # TensorFlow and Keras warn about their own code

import keras  # noqa: E402  # after TensorFlow was found
import tensorflow as tf  # noqa: E402  # after TensorFlow was found

from mien_convert.keras_file import load_keras  # noqa: E402  # after TensorFlow was found
from mien_convert.source import open_source  # noqa: E402  # after TensorFlow was found
from tests.fakes.odd_networks import ODD_NETWORKS, OTHER_FILES, edit_config, write_saved_model  # noqa: E402  # as above
from tests.fakes.pattern_network import pattern_network, save_network  # noqa: E402  # after TensorFlow was found


def depthwise_network() -> Any:
    """Return a network of the layers whose options changed most between Keras 2 and 3."""
    layers = keras.layers
    image = keras.Input((48, 48, 1))
    scaled = layers.Rescaling(1 / 255)(layers.RandomFlip()(image))
    middle = layers.DepthwiseConv2D(3, strides=4)(scaled)
    middle = layers.SeparableConv2D(4, 3)(middle)
    middle = layers.BatchNormalization()(layers.Conv2DTranspose(4, 3)(middle))
    middle = layers.SpatialDropout2D(0.1)(layers.LeakyReLU(0.2)(middle))
    return keras.Model(image, layers.Dense(7)(layers.GlobalAveragePooling2D()(middle)))


def age(config: dict[str, Any]) -> None:
    """Give a configuration the options that Keras 2 wrote."""
    for layer in config["config"]["layers"]:
        inner = layer["config"]
        match layer["class_name"]:
            case "DepthwiseConv2D":
                inner["groups"] = 1
            case "SeparableConv2D" | "Conv2DTranspose":
                inner |= {"groups": 1, "kernel_initializer": {"class_name": "Zeros", "config": {"dtype": "float32"}}}
            case "BatchNormalization":
                inner["axis"] = [3]
            case "SpatialDropout2D":
                inner |= {"rate": 0.1, "noise_shape": None, "trainable": True}
            case "LeakyReLU":
                inner["alpha"] = inner.pop("negative_slope")
            case "RandomFlip":
                inner["rng_type"] = "stateful"
            case "InputLayer":
                inner["batch_input_shape"] = inner.pop("batch_shape")
            case _:
                continue


def low_precision(policy: str) -> Any:
    previous = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        return pattern_network()
    finally:
        keras.config.set_dtype_policy(previous)


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_networks_with_keras_2s_options_load(tmp_path: Path, suffix: str) -> None:
    """Options that Keras 3 refuses are dropped, older names are kept: the function is the same."""
    network = depthwise_network()
    faces = np.random.default_rng(0).uniform(0, 255, (4, 48, 48, 1)).astype(np.float32)
    path = edit_config(save_network(tmp_path / f"net{suffix}", network), age)
    np.testing.assert_allclose(load_keras(path)(faces, training=False), network(faces, training=False), atol=1e-5)


def test_the_content_decides_what_a_file_is(tmp_path: Path) -> None:
    """A .keras file with another name loads."""
    path = save_network(tmp_path / "net.keras", pattern_network()).rename(tmp_path / "net.h5")
    assert load_keras(path).count_params() == pattern_network().count_params()


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float16", "float64"])
@pytest.mark.parametrize("name", ["net.h5", "net.keras", "net"])
def test_other_precisions_become_float32(tmp_path: Path, policy: str, name: str) -> None:
    """No half of a number is lost: the outputs are those of the same network in float32."""
    source = open_source(save_network(tmp_path / name, low_precision(policy)))
    faces = np.random.default_rng(0).uniform(0, 255, (4, 48, 48, 1)).astype(np.float32)
    expected = pattern_network()(faces).numpy()
    tolerance = 0.05 if policy == "float16" else 1e-4  # its weights were stored in 11 bits
    np.testing.assert_allclose(source.call(faces).numpy(), expected, atol=tolerance * np.abs(expected).max())
    graph = tf.function(source.call).get_concrete_function(tf.TensorSpec([1, 48, 48, 1])).graph
    assert not {tf.float16, tf.bfloat16, tf.float64} & {
        tensor.dtype for operation in graph.get_operations() for tensor in operation.outputs
    }


def test_a_mixed_network_converts_without_a_librarys_message(convert: Convert, faces: Path, tmp_path: Path) -> None:
    """It becomes int8, and nothing but our own lines is printed."""
    source = save_network(tmp_path / "net.keras", low_precision("mixed_float16"))
    outcome = convert("quantize", source, "--data", faces, "--out", tmp_path / "net.tflite")
    assert (outcome.code, outcome.err) == (0, "loading TensorFlow\n")
    assert "accuracy 1.0000" in outcome.out


@pytest.mark.parametrize("name", OTHER_FILES)
def test_other_files_are_named(convert: Convert, tmp_path: Path, name: str) -> None:
    """Whatever its name, the error tells what the file is; nothing of it is executed."""
    content, kind = OTHER_FILES[name]
    (tmp_path / name).write_bytes(content)
    assert_one_sentence(convert, tmp_path / name, 5, kind)


@pytest.mark.parametrize("name", ODD_NETWORKS)
def test_networks_that_cannot_be_loaded_are_refused_with_the_cause(convert: Convert, tmp_path: Path, name: str) -> None:
    """The cause is in the first words, and no configuration is printed."""
    write, cause = ODD_NETWORKS[name]
    write(tmp_path / name)
    assert_one_sentence(convert, tmp_path / name, 5, cause)


def assert_one_sentence(convert: Convert, source: Path, code: int, text: str) -> None:
    outcome = convert("quantize", source, "--data", source.parent, "--out", source.parent / "out.tflite")
    assert_refused(outcome, code, text)
    first, *rest = outcome.err.splitlines()
    assert first == "loading TensorFlow"
    assert len(rest) == 1
    assert len(rest[0].replace(str(source), "")) < 420
    assert "config" not in rest[0]
    assert "report" not in rest[0]


def test_the_advice_for_a_lambda_layer_works(tmp_path: Path) -> None:
    """The SavedModel that the error recommends loads, and computes the same."""
    network = keras.Sequential(
        [keras.Input((48, 48, 1)), keras.layers.Lambda(lambda x: x / 255), *pattern_network(scaled=False).layers]
    )
    with pytest.raises(ModelError, match=r"network\.export\('net'\)"):
        load_keras(save_network(tmp_path / "net.keras", network))
    network.export(tmp_path / "net", verbose=False)
    face = np.full((1, 48, 48, 1), 100, np.float32)
    np.testing.assert_allclose(open_source(tmp_path / "net").call(face), network(face), rtol=1e-5)


def test_folders_that_hold_no_network_are_refused(convert: Convert, tmp_path: Path) -> None:
    """An empty folder, and one of other things."""
    (tmp_path / "empty").mkdir()
    assert_one_sentence(convert, tmp_path / "empty", 4, "is an empty folder")
    assert_one_sentence(convert, tmp_path, 4, "does not hold a network")


def test_a_saved_model_is_read_by_its_signature(convert: Convert, tmp_path: Path) -> None:
    """A single one may have any name; among several, serving_default counts, and without it they are listed."""
    face = np.full((1, 48, 48, 1), 100, np.float32)
    for number, names in enumerate((("classify",), ("train", "serving_default"))):
        source = open_source(write_saved_model(tmp_path / f"{number}", *names) / "saved_model.pb")
        np.testing.assert_allclose(source.call(face), pattern_network()(face), rtol=1e-5)
    several = write_saved_model(tmp_path / "several", "first", "second")
    assert_one_sentence(convert, several, 5, "the signatures first, second: save it with a signature serving_default")


@pytest.mark.parametrize(
    ("name", "code", "text"),
    [("groups.h5", 0, ""), ("mixed16.keras", 0, ""), ("lambda.keras", 5, "Lambda layer")],
)
def test_networks_that_people_had_trouble_with(
    shared: Path, convert: Convert, faces: Path, tmp_path: Path, name: str, code: int, text: str
) -> None:
    """They convert, or the error gives the way."""
    outcome = convert("quantize", shared / "cases" / "models" / name, "--data", faces, "--out", tmp_path / "net.tflite")
    assert outcome.code == code, outcome
    assert text in outcome.err
    assert outcome.err.count("\n") == 1 + (code > 0)
