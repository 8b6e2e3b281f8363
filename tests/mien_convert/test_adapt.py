"""Adapting networks of other origin: labels, grey levels, sizes, channels and softmax."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mien.expression import LABELS
from mien.vision import model_file
from tests.fakes.pattern_faces import FER2013_LABELS
from tests.mien_convert.conftest import Convert, assert_refused

pytest.importorskip("tensorflow", reason="needs the extra 'training'")
pytestmark = pytest.mark.filterwarnings("ignore")  # TensorFlow and Keras warn about their own code

import keras  # noqa: E402  # after TensorFlow was found

from tests.fakes.pattern_network import pattern_network, save_network  # noqa: E402  # after TensorFlow was found


def unconvertible_network() -> Any:
    """Return a network with an operator that TFLite lacks."""
    image = keras.Input((48, 48, 1))
    scaled = keras.layers.Rescaling(1 / 255)(image)
    odd = keras.layers.Flatten()(keras.ops.erfinv(keras.layers.AveragePooling2D(8)(scaled)))
    return keras.Model(image, keras.layers.Dense(7)(odd))


@pytest.mark.parametrize(
    ("kind", "options", "adapted", "mode"),
    [
        ({"order": FER2013_LABELS}, ["--labels", ",".join(FER2013_LABELS)], "reordered", "int8"),
        ({"order": ("-", *FER2013_LABELS)}, ["--labels=-," + ",".join(FER2013_LABELS)], "reordered", "int8"),
        ({"scaled": False}, [], "0..1", "int8"),
        ({"softmax": True}, [], "", "int8"),
        ({"softmax": True}, [], "", "float32"),
        ({"side": 96, "channels": 3}, ["--resize"], "96 x 96 x 3", "int8"),
    ],
    ids=["labels", "extra output", "no Rescaling", "softmax", "softmax in floats", "size and channels"],
)
def test_networks_of_other_origin_are_adapted(
    convert: Convert, faces: Path, tmp_path: Path, kind: dict[str, Any], options: list[str], adapted: str, mode: str
) -> None:
    """The adaptation is part of the graph: the file classifies every pattern correctly, and passes verification."""
    source, file = save_network(tmp_path / "net.keras", pattern_network(**kind)), tmp_path / "net.tflite"
    assert convert("quantize", source, "--data", faces, "--out", file, "--mode", mode, *options).code == 0
    contract = model_file.read(file)[1]
    assert contract.accuracy == 1.0
    assert adapted in contract.adapted
    assert contract.output == ("probabilities" if kind.get("softmax") else "logits")
    verified = convert("verify", file, "--against", source, "--data", faces, "--json", *options)
    assert verified.code == 0, verified


def test_a_low_accuracy_is_noted(convert: Convert, faces: Path, tmp_path: Path) -> None:
    """A network in another order, without --labels, is converted with a note of its poor accuracy."""
    source = save_network(tmp_path / "net.keras", pattern_network(order=FER2013_LABELS))
    outcome = convert("quantize", source, "--data", faces, "--out", tmp_path / "net.tflite")
    assert "--labels" in outcome.out


@pytest.mark.parametrize(
    ("network", "options", "text"),
    [
        (lambda: pattern_network(side=96), [], "--resize"),
        (lambda: pattern_network(channels=3), [], "--resize"),
        (lambda: pattern_network(order=("-", *LABELS)), [], "--labels"),
        (pattern_network, ["--labels", "happy,sad"], "once"),
        (pattern_network, ["--labels", ",".join((*LABELS[:6], "angry"))], "once"),
        (pattern_network, ["--labels", ",".join((*LABELS, "-"))], "8 outputs"),
        (unconvertible_network, [], "Erfinv"),
    ],
    ids=["size", "channels", "outputs", "two labels", "duplicate label", "too many labels", "operator"],
)
def test_a_network_that_does_not_fit_is_refused(
    convert: Convert, faces: Path, tmp_path: Path, network: Callable[[], Any], options: list[str], text: str
) -> None:
    """Exit code 5, one sentence, and an existing FILE as it was, with nothing beside it."""
    source, out = save_network(tmp_path / "net.keras", network()), tmp_path / "out"
    out.mkdir()
    (out / "net.tflite").write_bytes(b"old")
    assert_refused(convert("quantize", source, "--data", faces, "--out", out / "net.tflite", *options), 5, text)
    assert (out / "net.tflite").read_bytes() == b"old"
    assert len(list(out.iterdir())) == 1
