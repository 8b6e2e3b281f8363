"""`mien-train evaluate`: the same metrics for .keras, .tflite and runs, in both views of the labels."""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path
from typing import Any

import pytest

from mien.expression import LABELS
from mien.vision import model_file
from mien.vision.classifier import DEFAULT_MODEL

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # TensorFlow's own
    keras = pytest.importorskip("keras", reason="needs the extra 'training'")
    tf = pytest.importorskip("tensorflow")

pytestmark = pytest.mark.filterwarnings("ignore")  # TensorFlow's and Keras's own

from mien_training.cli import main  # noqa: E402  # after the check for Keras
from tests.mien_training.conftest import small_network  # noqa: E402

Capture = pytest.CaptureFixture[str]


def evaluated(capsys: Capture, model: Path, data: Path, split: str = "PublicTest") -> dict[str, Any]:
    assert main(["evaluate", str(model), "--data", str(data), "--split", split, "--json"]) == 0
    figures: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return figures


def test_a_model_file_is_measured_as_its_contract_requires(capsys: Capture, few_rated: Path) -> None:
    """Both views, each with calibration before and after the contract's own temperature."""
    figures = evaluated(capsys, DEFAULT_MODEL, few_rated)
    contract = model_file.read(DEFAULT_MODEL)[1]
    assert (figures["temperature"], figures["view"]) == (contract.temperature, contract.view)
    assert set(figures["views"]) == {"fer2013", "ferplus"}
    assert [figures["views"][view]["faces"] for view in ("fer2013", "ferplus")] == [14, 13]  # one has no votes
    for view in figures["views"].values():
        assert 0 <= view["unscaled"]["calibration_error"] <= 1
        assert view["unscaled"]["bins"] != view["scaled"]["bins"]
    assert figures["confusion"] == figures["views"][contract.view]["confusion"]


def test_decisions_are_measured_under_both_priors(capsys: Capture, few_rated: Path) -> None:
    """The data's prior gives the figures at the top; each prior has the contract's temperature for it."""
    figures = evaluated(capsys, DEFAULT_MODEL, few_rated)
    contract = model_file.read(DEFAULT_MODEL)[1]
    data, even = figures["priors"]["data"], figures["priors"]["even"]
    assert (data["accuracy"], data["balanced_accuracy"]) == (figures["accuracy"], figures["balanced_accuracy"])
    assert data["calibration_error"] == figures["scaled"]["calibration_error"]
    assert (data["temperature"], even["temperature"]) == (contract.temperature, contract.even_temperature)
    assert set(even) == {"temperature", "accuracy", "balanced_accuracy", "calibration_error"}
    assert figures["priors"] == figures["views"][contract.view]["priors"]


def test_temperature_of_a_keras_file_comes_from_public_test(capsys: Capture, few_rated: Path, tmp_path: Path) -> None:
    """It is the same whatever split is measured, and there is none where the data have no PublicTest."""
    small_network().save(tmp_path / "net.keras")
    here, there = (
        evaluated(capsys, tmp_path / "net.keras", few_rated, split) for split in ("PublicTest", "PrivateTest")
    )
    assert here["temperature"] == there["temperature"]
    assert here["priors"]["even"]["temperature"] == there["priors"]["even"]["temperature"]
    alone = tmp_path / "alone"
    shutil.copytree(few_rated, alone)
    rows = (few_rated / "fer2013.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (alone / "fer2013.csv").write_text("".join(row for row in rows if "PublicTest" not in row), encoding="utf-8")
    figures = evaluated(capsys, tmp_path / "net.keras", alone, "PrivateTest")
    assert figures["temperature"] is None
    assert "scaled" not in figures["views"]["fer2013"]
    assert "priors" not in figures
    assert figures["accuracy"] == there["accuracy"]


def test_tables_are_printed(capsys: Capture, few_rated: Path) -> None:
    """The two views side by side, a row an expression."""
    assert main(["evaluate", str(DEFAULT_MODEL), "--data", str(few_rated), "--split", "PublicTest"]) == 0
    printed = capsys.readouterr().out
    for text in ("FER2013", "FER+", "macro-F1", "calibration error, scaled", "FER+, even prior", *LABELS):
        assert text in printed


def test_a_network_of_another_shape_is_refused(capsys: Capture, few_rated: Path, tmp_path: Path) -> None:
    """One sentence, exit code 5."""
    keras.Sequential([keras.Input((96, 96, 3)), keras.layers.Flatten(), keras.layers.Dense(8)]).save(
        tmp_path / "a.keras"
    )
    assert main(["evaluate", str(tmp_path / "a.keras"), "--data", str(few_rated), "--split", "PublicTest"]) == 5
    assert "mien-convert quantize" in capsys.readouterr().err


def test_evaluate_agrees_with_the_run(faces: Path, seed_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`mien-train evaluate` of the run's model gives the run's own figures."""
    arguments = ["evaluate", str(seed_run / "model.keras"), "--data", str(faces), "--split", "PublicTest", "--json"]
    assert main(arguments) == 0
    printed = json.loads(capsys.readouterr().out.splitlines()[-1])
    metrics = json.loads((seed_run / "metrics.json").read_text())
    assert {key: printed[key] for key in ("accuracy", "confusion", "faces")} == {
        key: metrics[key] for key in ("accuracy", "confusion", "faces")
    }


def test_sets_of_other_faces_are_measured_apart(capsys: Capture, faces: Path, tmp_path: Path) -> None:
    """Without --split each folder has its own line: all its pictures, under an even prior, --labels for other names."""
    (tmp_path / "bare").mkdir()
    for name, expression in (("0_joy", "happy"), ("x", "sad")):
        shutil.copytree(faces / "val" / expression, tmp_path / "bare" / name)
    labels = tmp_path / "labels.csv"
    labels.write_text("0_joy,happy\nx,skip\n", encoding="utf-8")
    arguments = ["evaluate", str(DEFAULT_MODEL), "--data", str(faces), str(tmp_path / "bare"), "--labels", str(labels)]
    assert main([*arguments, "--json"]) == 0
    printed = capsys.readouterr()
    first, second = (json.loads(line) for line in printed.out.splitlines())
    assert (first["faces"], first["counts"]["happy"], second["counts"]) == (112, 16, {"happy": 4})
    assert second["recall"]["happy"] == second["balanced_recall"]
    assert "4 skipped, pictures of labels to skip" in printed.err
    assert main(arguments) == 0
    assert capsys.readouterr().out.count("balanced recall") == 2


def test_a_run_without_a_recorded_prior_is_measured_as_it_is(capsys: Capture, faces: Path, tmp_path: Path) -> None:
    """It is stated."""
    small_network().save(tmp_path / "net.keras")
    assert main(["evaluate", str(tmp_path / "net.keras"), "--data", str(faces)]) == 0
    assert "its own prior, which is not recorded" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "code", "text"),
    [
        (["{rated}"], 2, "add --split PublicTest"),
        (["{rated}", "{rated}", "--split", "PublicTest"], 2, "one --data"),
        (["{rated}", "--split", "PublicTest", "--detect"], 2, "no --detect"),
        (["{empty}"], 4, "holds no pictures in folders named after expressions"),
        (["{empty}", "--labels", "{empty}/no.csv"], 4, "cannot be read"),
    ],
)
def test_wrong_sets_are_refused(
    capsys: Capture, few_rated: Path, tmp_path: Path, options: list[str], code: int, text: str
) -> None:
    """One sentence and the documented exit code."""
    given = [option.format(rated=few_rated, empty=tmp_path) for option in options]
    assert main(["evaluate", str(DEFAULT_MODEL), "--data", *given]) == code
    error = capsys.readouterr().err
    assert text in error
    assert error.count("\n") == 1
