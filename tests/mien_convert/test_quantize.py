"""Quantising: every mode, the same bytes each time, and an existing file replaced only by a complete one."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mien.vision import model_file
from mien.vision.runtime import installed
from mien_convert.cli import main
from mien_training.cli import main as train
from tests.fakes.pattern_faces import write_pattern_faces
from tests.mien_convert.conftest import Convert, assert_refused, quantize_command

pytest.importorskip("tensorflow", reason="needs the extra 'training'")
pytestmark = pytest.mark.filterwarnings("ignore")  # TensorFlow and Keras warn about their own code

from mien_convert.inference import run_inference  # noqa: E402  # after TensorFlow was found
from mien_convert.operators import operators  # noqa: E402  # after TensorFlow was found
from tests.fakes.pattern_network import pattern_network, save_network, write_run  # noqa: E402  # after TensorFlow was found

MODES = ("int8", "dynamic", "float16", "float32")


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the seed recipe, trained here for 18 steps: enough to tell most patterns apart, by any seed."""
    faces, path = write_pattern_faces(tmp_path_factory.mktemp("many"), training=60), tmp_path_factory.mktemp("runs")
    arguments = ["fit", "--recipe", "seed", "--data", str(faces), "--out", str(path / "seed"), "--epochs", "6"]
    assert train(arguments) == 0
    return path / "seed"


@pytest.fixture(scope="session")
def files(run: Path, faces: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Path, str]]:
    """Return the seed network's file in a mode, converted at its first use, and the lines that were printed."""

    @functools.cache
    def file(mode: str) -> tuple[Path, str]:
        path, output = tmp_path_factory.mktemp("modes") / f"{mode}.tflite", io.StringIO()
        with contextlib.redirect_stdout(output):
            code = main(["quantize", str(run), "--data", str(faces), "--out", str(path), "--mode", mode])
        assert code == 0, output.getvalue()
        return path, output.getvalue()

    return file


Files = Callable[[str], tuple[Path, str]]


@pytest.mark.parametrize("mode", MODES)
def test_the_seed_network_converts_and_verifies_in_every_mode(
    convert: Convert, files: Files, run: Path, faces: Path, mode: str
) -> None:
    """All four modes load in every installed runtime, and cost almost nothing on faces that are easy to tell apart."""
    file, output = files(mode)
    assert all(f"{runtime}: loads" in output for runtime in installed())
    contract = model_file.read(file)[1]
    assert (contract.mode, contract.output, contract.recipe) == (mode, "logits", "seed, 6 epochs, seed 1")
    assert (contract.representative_faces is not None) == (mode == "int8")
    verified = convert("verify", file, "--against", run, "--data", faces, "--json")
    assert verified.code == 0, verified
    report = json.loads(verified.out)
    assert set(report["runtimes"]) == set(installed())
    assert all(figures["agreement"] >= 0.97 for figures in report["runtimes"].values())


def test_int8_is_int8_throughout(files: Files) -> None:
    """Grey levels arrive at scale 1 and zero point -128; no float tensor and no conversion is left in the graph."""
    file, _ = files("int8")
    network, contract = model_file.read(file)
    assert not {"QUANTIZE", "DEQUANTIZE"} & set(operators(network))
    assert run_inference(file, installed()[0], np.zeros((1, 48, 48, 1), np.uint8)).input == (1.0, -128)
    assert contract.representative_faces is not None
    assert (contract.representative_faces.faces, contract.representative_faces.per_expression) == (7 * 20, 100)


def test_converting_twice_gives_the_same_bytes(
    convert: Convert, files: Files, run: Path, faces: Path, tmp_path: Path
) -> None:
    """In one process or in two, whatever was loaded before."""
    first, _ = files("int8")
    second, third = tmp_path / "second.tflite", tmp_path / "third.tflite"
    assert convert("quantize", run, "--data", faces, "--out", second).code == 0
    subprocess.run(quantize_command(run, faces, third), check=True, capture_output=True)
    assert first.read_bytes() == second.read_bytes() == third.read_bytes()


def test_a_killed_conversion_leaves_the_old_file(faces: Path, tmp_path: Path) -> None:
    """Killed in the middle of its work, it has not touched FILE."""
    file = tmp_path / "old.tflite"
    file.write_bytes(b"old")
    command = quantize_command(save_network(tmp_path / "net.keras", pattern_network()), faces, file)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        assert any(line.startswith("litert") for line in process.stdout)  # the new file is being written
        process.kill()
    assert process.returncode == -9
    assert file.read_bytes() == b"old"


def test_data_without_training_faces_are_refused(convert: Convert, faces: Path, tmp_path: Path) -> None:
    """Calibration uses training faces only, so it needs some."""
    source = save_network(tmp_path / "net.keras", pattern_network())
    lines = (faces / "fer2013.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (tmp_path / "fer2013.csv").write_text("".join(line for line in lines if "Training" not in line), encoding="utf-8")
    assert_refused(convert("quantize", source, "--data", tmp_path, "--out", tmp_path / "net.tflite"), 5, "calibrate")


def test_a_file_is_evaluated_against_the_labels_of_its_run(
    convert: Convert, disputed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Accuracy, confusion and temperature of a ferplus run are those against FER+, in every command."""
    rated, labelled = tmp_path / "rated.tflite", tmp_path / "labelled.tflite"
    run = write_run(tmp_path / "run", "ferplus")
    assert convert("quantize", run, "--data", disputed, "--out", rated).code == 0
    contract = model_file.read(rated)[1]
    assert (contract.view, contract.accuracy, contract.faces) == ("ferplus", 1.0, 55)  # one without votes is left out
    assert [row[label] for label, row in enumerate(contract.confusion)] == [8, 8, 8, 8, 8, 8, 7]
    assert contract.temperature < 1  # always right: more confident is better
    assert contract.even_temperature < 1
    assert contract.even is not None
    assert (contract.even.accuracy, contract.even.balanced_accuracy) == (1.0, 1.0)
    assert contract.calibration_error is not None
    assert max(contract.calibration_error, contract.even.calibration_error) < 0.01
    assert all(max(row) == row[label] for label, row in enumerate(contract.class_means))
    assert convert("quantize", run / "model.keras", "--data", disputed, "--out", labelled).code == 0
    assert (model_file.read(labelled)[1].view, model_file.read(labelled)[1].accuracy) == ("fer2013", 0.0)
    verified = convert("verify", rated, "--against", run, "--data", disputed, "--json")
    assert json.loads(verified.out)["source"]["accuracy"] == 1.0
    monkeypatch.setattr("mien_convert.compare._ROUNDS", 1)  # only its accuracy matters here
    compared = convert("compare", rated, labelled, "--data", disputed, "--json", "--picture", tmp_path / "c.svg")
    assert {(row["view"], row["accuracy"]) for row in json.loads(compared.out)} == {("ferplus", 1.0), ("fer2013", 0.0)}


def test_a_file_holds_the_prior_of_all_its_training_faces(convert: Convert, faces: Path, tmp_path: Path) -> None:
    """Not only of those that the activation ranges are calibrated with: four of five training faces are happy."""
    rows = (faces / "fer2013.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    happy = [row for row in rows if row.startswith("3,") and "Training" in row]
    training = len([row for row in rows if "Training" in row])
    more = happy * (4 * training // len(happy))
    (tmp_path / "fer2013.csv").write_text("".join(rows + more), encoding="utf-8")
    source, file = save_network(tmp_path / "net.keras", pattern_network()), tmp_path / "net.tflite"
    assert convert("quantize", source, "--data", tmp_path, "--out", file).code == 0
    contract = model_file.read(file)[1]
    share = (len(happy) + len(more)) / (training + len(more))
    assert contract.class_prior[1] == pytest.approx(share, abs=1e-4)
    assert contract.class_prior[0] == pytest.approx((1 - share) / 6, abs=1e-4)


def test_the_view_of_other_networks_is_an_option(convert: Convert, faces: Path, disputed: Path, tmp_path: Path) -> None:
    """--view is for sources without a run, and is refused if it contradicts the run."""
    source, file = save_network(tmp_path / "net.keras", pattern_network()), tmp_path / "net.tflite"
    assert convert("quantize", source, "--data", disputed, "--out", file, "--view", "ferplus").code == 0
    assert (model_file.read(file)[1].view, model_file.read(file)[1].accuracy) == ("ferplus", 1.0)
    run = write_run(tmp_path / "run", "fer2013")
    assert_refused(convert("quantize", run, "--data", faces, "--out", file, "--view", "ferplus"), 2, "leave out --view")
    bad = write_run(tmp_path / "bad", "mine")
    assert_refused(convert("quantize", bad, "--data", faces, "--out", file), 4, "damaged recipe.json")


def test_without_votes_the_own_labels_are_used(convert: Convert, faces: Path, tmp_path: Path) -> None:
    """A ferplus run on data without votes gets a contract of the view "fer2013"."""
    run, file = write_run(tmp_path / "run", "ferplus"), tmp_path / "net.tflite"
    outcome = convert("quantize", run, "--data", faces, "--out", file)
    assert "no FER+ votes" in outcome.out
    assert (model_file.read(file)[1].view, model_file.read(file)[1].accuracy) == ("fer2013", 1.0)
