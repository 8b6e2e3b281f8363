"""The report: a page without external resources and faces, JSON, and the tables of the model card."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from hypothesis import strategies as st

from mien.expression import LABELS
from mien.vision import model_file
from mien.vision.classifier import DEFAULT_MODEL

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # TensorFlow's own
    keras = pytest.importorskip("keras", reason="needs the extra 'training'")

pytestmark = pytest.mark.filterwarnings("ignore")  # TensorFlow's and Keras's own

from mien_training.cli import main  # noqa: E402
from mien_training.evaluation.robustness import SWEEPS  # noqa: E402
from tests.conftest import ROOT  # noqa: E402

NASTY = "<script>alert('x')</script> $\\frac{1}{0}$ & co"

images = st.integers(0, 99).map(lambda seed: np.random.default_rng(seed).integers(0, 256, (48, 48)).astype(np.uint8))
seeds = st.integers(0, 99).map(np.random.default_rng)


def finished_run(folder: Path, recipe: str = "mien") -> Path:
    """Write a run with an untrained network."""
    folder.mkdir(parents=True)
    layers = [keras.Input((48, 48, 1)), keras.layers.AveragePooling2D(8), keras.layers.Flatten(), keras.layers.Dense(7)]
    keras.Sequential(layers).save(folder / "model.keras")
    settings = {"recipe": recipe, "view": "ferplus", "seed": 1, "epochs": 2, "faces": [14, 14]}
    (folder / "recipe.json").write_text(json.dumps(settings), encoding="utf-8")
    (folder / "metrics.json").write_text(json.dumps({"crop_margin": 0.05}), encoding="utf-8")
    epoch = {"loss": 2.0, "accuracy": 0.2, "val_loss": 1.9, "val_accuracy": 0.3}
    (folder / "history.json").write_text(json.dumps([epoch, epoch]), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def reported(few_rated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report on the shipped file and on a run whose recipe has a malicious name."""
    folder = tmp_path_factory.mktemp("report")
    run = finished_run(folder / "run", NASTY)
    assert main(["report", str(DEFAULT_MODEL), str(run), "--data", str(few_rated), "--out", str(folder / "out")]) == 0
    return folder / "out"


class Strict(HTMLParser):
    """Collects what a page loads and runs, and whether its elements close in order."""

    VOID = ("meta", "link", "br", "img")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: set[str] = set()
        self.ids: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.loads += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href", "data")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()


def test_the_page_has_no_external_resources_and_no_faces(reported: Path) -> None:
    """Nothing is loaded or run, no picture consists of pixels, and names from files stay text."""
    text = (reported / "index.html").read_text(encoding="utf-8")
    page = Strict()
    page.feed(text)
    assert page.open == ["html"]  # its end tag is left out, as HTML allows
    assert not page.names & {"script", "img", "image", "iframe", "link", "object"}
    assert all(load.startswith("#") for load in page.loads)
    assert not re.search(r"url\((?!#)|@import", text)
    assert len(page.ids) == len(set(page.ids))
    assert "&lt;script&gt;" in text
    assert "\\mathdefault" not in text  # axes that would need it show it raw
    assert text.count("<svg") == 2 + 2 * 2 * 2 + 1  # costs, conditions; matrix and diagram by view; one run's curves


def test_report_and_evaluate_agree(reported: Path, few_rated: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """report.json has the figures that evaluate prints, and what belongs to the file and to the run."""
    shipped, run = json.loads((reported / "report.json").read_text(encoding="utf-8"))["models"]
    assert main(["evaluate", str(DEFAULT_MODEL), "--data", str(few_rated), "--split", "PublicTest", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert shipped["views"] == printed["views"]
    assert shipped["temperature"] == printed["temperature"]
    assert (run["view"], run["multiply_adds"], run["crop_margin"]) == ("ferplus", 36 * 7, 0.05)
    assert len(run["history"]) == 2
    assert {name: len(sweep["accuracy"]) for name, sweep in run["conditions"].items()} == {
        name: len(values) for name, values in SWEEPS.items()
    }


def test_the_card_has_every_class_in_both_views(reported: Path) -> None:
    """Ready to be pasted into docs/model-card.md."""
    card = (reported / "card.md").read_text(encoding="utf-8")
    assert all(card.count(f"| {label} |") == 2 for label in LABELS)  # one table a network
    assert "| FER2013 precision |" in card
    assert card.count("| FER+, even prior |") == card.count("| FER2013, data prior |") == 2
    assert "| FER+ faces |" in card


def leave(run: Path) -> None:
    """Leave the run intact."""


def break_history(run: Path) -> None:
    (run / "history.json").write_text('[{"loss": "low"}]', encoding="utf-8")


@pytest.mark.parametrize(
    ("spoil", "models", "out", "code", "message"),
    [
        (break_history, ["{run}"], "{out}", 4, "history.json"),
        (lambda run: (run / "metrics.json").unlink(), ["{run}"], "{out}", 4, "does not hold a finished run"),
        (leave, ["{run}", "{run}/."], "{out}", 2, "twice"),
        (leave, ["{run}"], "{run}/recipe.json", 4, "is a file"),
        (leave, ["{run}/recipe.json"], "{out}", 5, "not a network that Keras 3 loads"),
        (leave, ["{run}/nothing.tflite"], "{out}", 4, "not there"),
    ],
    ids=["history", "unfinished", "twice", "out is a file", "no model", "missing"],
)
def test_bad_arguments_are_refused_before_anything_is_measured(
    few_rated: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    spoil: Callable[[Path], object],
    models: list[str],
    out: str,
    code: int,
    message: str,
) -> None:
    """One sentence, the documented exit code, and nothing written."""
    places = {"run": finished_run(tmp_path / "run"), "out": tmp_path / "out"}
    spoil(places["run"])
    paths = [model.format(**places) for model in models]
    assert main(["report", *paths, "--data", str(few_rated), "--out", out.format(**places)]) == code
    error = capsys.readouterr().err
    assert error.startswith("mien-train: ")
    assert message in error
    assert error.count("\n") == 1
    assert not places["out"].exists()


def test_the_model_card_describes_the_shipped_file() -> None:
    """Its tables were renewed with the file: same network, same accuracy by the labels that the network learned."""
    text = (ROOT / "docs" / "model-card.md").read_text(encoding="utf-8")
    contract = model_file.read(DEFAULT_MODEL)[1]
    assert contract.network_sha256[:16] in text
    heading, accuracy = (
        next(line for line in text.splitlines() if line.startswith(start)).split("|")
        for start in ("|  | FER", "| accuracy")
    )
    columns = {name.strip(): value.strip() for name, value in zip(heading, accuracy, strict=True)}
    assert columns[{"fer2013": "FER2013", "ferplus": "FER+"}[contract.view]] == f"{contract.accuracy:.4f}"
