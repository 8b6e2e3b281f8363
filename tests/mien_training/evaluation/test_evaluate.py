"""Figures of networks: right by hand, the same for .keras, .tflite and runs, in both views of the labels."""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from mien.expression import LABELS
from mien.vision import model_file
from mien.vision.classifier import DEFAULT_MODEL

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # TensorFlow's own
    keras = pytest.importorskip("keras", reason="needs the extra 'training'")
    tf = pytest.importorskip("tensorflow")

pytestmark = pytest.mark.filterwarnings("ignore")  # TensorFlow and Keras warn of themselves

from mien_convert.flatbuffer import to_flatbuffer  # noqa: E402  # after Keras was found
from mien_training.cli import main  # noqa: E402
from mien_training.evaluation import cost  # noqa: E402
from mien_training.evaluation.metrics import BINS, metrics, reliability  # noqa: E402
from mien_training.networks.mirror_layers import MirrorBranch, MirrorMean  # noqa: E402
from mien_training.recipes import RECIPES  # noqa: E402
from mien_training.report import tables  # noqa: E402
from tests.fakes.rated_faces import write_rated_faces  # noqa: E402

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rated_faces(tmp_path_factory.mktemp("rated"))


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


def evaluated(capsys: Capture, model: Path, data: Path, split: str = "PublicTest") -> dict[str, Any]:
    assert main(["evaluate", str(model), "--data", str(data), "--split", split, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return found


def test_a_row_a_class_by_hand() -> None:
    """Named 1, 1 and 2 where 1, 2 and 2 are true: precisions 1/2 and 1, recalls 1 and 1/2, both F1 2/3."""
    logits = np.full((3, 7), -1.0, np.float32)
    logits[[0, 1, 2], [1, 1, 2]] = 1
    found = metrics(logits, np.array([1, 2, 2]))
    assert found["classes"][LABELS[1]] == {"precision": 0.5, "recall": 1.0, "f1": 0.6667, "faces": 1}
    assert found["classes"][LABELS[2]] == {"precision": 1.0, "recall": 0.5, "f1": 0.6667, "faces": 2}
    assert found["classes"][LABELS[0]] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "faces": 0}
    assert found["macro_f1"] == pytest.approx(2 / 3, abs=1e-4)


def test_calibration_error_by_hand() -> None:
    """Four faces at confidence 0.8, half of them right, and one at 0.4 that is right: (4 x 0.3 + 0.6) / 5."""
    shares = np.array([[0.8] + [0.2 / 6] * 6] * 4 + [[0.4] + [0.1] * 6])
    found = reliability(np.log(shares).astype(np.float32), np.array([0, 0, 1, 1, 0]))
    assert found["calibration_error"] == pytest.approx((4 * 0.3 + 0.6) / 5, abs=1e-3)
    assert [count for count in found["bins"]["faces"] if count] == [1, 4]


@given(
    logits=arrays(np.float32, st.tuples(st.integers(1, 40), st.just(7)), elements=st.floats(-50, 50, width=32)),
    seed=st.integers(0, 99),
)
def test_any_logits_have_a_reliability(logits: NDArray[np.float32], seed: int) -> None:
    """Every face falls into one of fifteen bins, and the error is a share."""
    found = reliability(logits, np.random.default_rng(seed).integers(0, 7, len(logits)))
    assert len(found["bins"]["faces"]) == BINS == 15
    assert sum(found["bins"]["faces"]) == len(logits)
    assert 0 <= found["calibration_error"] <= 1


def test_multiply_adds_are_counted_from_the_network() -> None:
    """By hand, and the same from Keras's layers as from the operators of the TFLite file made of them."""
    network = small_network()
    by_hand = 24 * 24 * (9 * 4 + 9 * 4 + 4 * 8) + 8 * 7
    assert cost.of_keras(network).multiply_adds == by_hand
    assert cost.of_keras(keras.Sequential([keras.Input((48, 48, 1)), network])).multiply_adds == by_hand
    flat = bytes(tf.lite.TFLiteConverter.from_keras_model(network).convert())
    assert cost.of_tflite(flat) == (len(flat), by_hand)


def test_what_sees_both_sides_of_a_face_counts_twice() -> None:
    """The first of two convolutions sees the face alone, the second also its mirror image."""
    network = keras.Sequential(
        [
            keras.Input((48, 48, 1)),
            keras.layers.Conv2D(4, 3, padding="same"),
            MirrorBranch(),
            keras.layers.Conv2D(6, 3, padding="same"),
            keras.layers.GlobalAveragePooling2D(),
            MirrorMean(),
            keras.layers.Dense(7),
        ]
    )
    by_hand = 48 * 48 * 9 * (4 + 2 * 4 * 6) + 6 * 7
    assert cost.of_keras(network).multiply_adds == by_hand
    flat = to_flatbuffer(lambda images: network(images, training=False), "float32", np.zeros((1, 48, 48, 1), np.uint8))
    assert cost.of_tflite(flat).multiply_adds == by_hand
    shipped = cost.of_tflite(model_file.read(DEFAULT_MODEL)[0])
    assert shipped.multiply_adds == cost.of_keras(RECIPES["mien"].network()).multiply_adds < 150e6
    assert shipped.size < 2**20


def test_a_model_file_is_judged_as_its_contract_says(capsys: Capture, data: Path) -> None:
    """Both views, each with calibration before and after the contract's own temperature."""
    found = evaluated(capsys, DEFAULT_MODEL, data)
    contract = model_file.read(DEFAULT_MODEL)[1]
    assert (found["temperature"], found["view"]) == (contract.temperature, contract.view)
    assert set(found["views"]) == {"fer2013", "ferplus"}
    assert [found["views"][view]["faces"] for view in ("fer2013", "ferplus")] == [14, 13]  # one has no votes
    for view in found["views"].values():
        assert 0 <= view["unscaled"]["calibration_error"] <= 1
        assert view["unscaled"]["bins"] != view["scaled"]["bins"]
    assert found["confusion"] == found["views"][contract.view]["confusion"]


def test_temperature_of_a_keras_file_comes_from_public_test(capsys: Capture, data: Path, tmp_path: Path) -> None:
    """It is the same whatever split is measured, and there is none where the data have no PublicTest."""
    small_network().save(tmp_path / "net.keras")
    here, there = (evaluated(capsys, tmp_path / "net.keras", data, split) for split in ("PublicTest", "PrivateTest"))
    assert here["temperature"] == there["temperature"]
    alone = tmp_path / "alone"
    shutil.copytree(data, alone)
    rows = (data / "fer2013.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (alone / "fer2013.csv").write_text("".join(row for row in rows if "PublicTest" not in row), encoding="utf-8")
    found = evaluated(capsys, tmp_path / "net.keras", alone, "PrivateTest")
    assert found["temperature"] is None
    assert "scaled" not in found["views"]["fer2013"]
    assert found["accuracy"] == there["accuracy"]


def test_people_get_tables(capsys: Capture, data: Path) -> None:
    """The two views side by side, a row an expression."""
    assert main(["evaluate", str(DEFAULT_MODEL), "--data", str(data), "--split", "PublicTest"]) == 0
    shown = capsys.readouterr().out
    for text in ("FER2013", "FER+", "macro-F1", "calibration error, scaled", *LABELS):
        assert text in shown


def test_a_network_of_another_shape_is_refused(capsys: Capture, data: Path, tmp_path: Path) -> None:
    """One sentence, exit code 5."""
    keras.Sequential([keras.Input((96, 96, 3)), keras.layers.Flatten(), keras.layers.Dense(8)]).save(
        tmp_path / "a.keras"
    )
    assert main(["evaluate", str(tmp_path / "a.keras"), "--data", str(data), "--split", "PublicTest"]) == 5
    assert "mien-convert quantize" in capsys.readouterr().err


@given(cells=st.lists(st.lists(st.text("abc", max_size=9), min_size=3, max_size=3), min_size=1, max_size=5))
def test_tables_line_up(cells: list[list[str]]) -> None:
    """All lines of a table are equally long, and Markdown's have as many bars."""
    assert len({len(line) for line in tables.as_text(cells).split("\n")}) == 1
    assert {line.count("|") for line in tables.as_markdown(cells).splitlines()} == {4}
