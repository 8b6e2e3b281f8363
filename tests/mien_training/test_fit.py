"""Training: complete run folders, runs that resume after a kill, targets, and refusals."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mien.errors import InputError
from mien_training import epoch, learner
from mien_training import fit as fitting
from mien_training.cli import main
from mien_training.data import fer2013
from mien_training.evaluation.metrics import softmax
from mien_training.evaluation.predict import keras_logits
from mien_training.files import save_atomically
from mien_training.recipes import RECIPES, Recipe
from tests.fakes.rated_faces import VOTES_HEADER
from tests.mien_training.conftest import SEED_EPOCHS, small

keras = pytest.importorskip("keras", reason="needs the extra 'training'")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")  # the backend's own


def test_a_run_folder_is_complete(seed_run: Path) -> None:
    """Model, history, metrics and pictures are there and agree with each other."""
    history = json.loads((seed_run / "history.json").read_text())
    metrics = json.loads((seed_run / "metrics.json").read_text())
    assert len(history) == SEED_EPOCHS
    assert metrics["accuracy"] == pytest.approx(max(row["val_accuracy"] for row in history), abs=1e-3)
    assert -0.5 <= metrics["crop_margin"] <= 1
    for name in ("curves.svg", "confusion.svg"):
        assert (seed_run / name).read_text().lstrip().startswith("<?xml")
    assert not list(seed_run.glob("part-*"))


def stand_in(name: str) -> Recipe:
    """A recipe with the same kinds of layers that is quick to compile; the seed's export needs the seed's own sizes."""
    return RECIPES[name] if name == "seed" else small(RECIPES[name])


@pytest.fixture(scope="module")
def uninterrupted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Train a stand-in for two epochs without interruption, once for each recipe and data set."""
    runs: dict[tuple[str, str], Path] = {}

    def run(name: str, where: str) -> Path:
        if (name, where) not in runs:
            folder = tmp_path_factory.mktemp("uninterrupted")
            fitting.fit(stand_in(name), request.getfixturevalue(where), folder, epochs=2, seed=5)
            runs[name, where] = folder
        return runs[name, where]

    return run


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(("name", "writes"), [("mien", 1), ("mien", 3), ("mien", 5), ("mien", 7), ("seed", 5)])
def test_a_killed_run_resumes_to_the_same_end(
    faces: Path,
    uninterrupted: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    writes: int,
) -> None:
    """Wherever a run is killed between two writes, resuming gives the weights and history of an uninterrupted one."""
    real, count = os.replace, 0

    def dying(part: Path, whole: Path) -> None:
        nonlocal count
        count += 1
        if count > writes:
            raise KeyboardInterrupt
        real(part, whole)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", dying)
        with pytest.raises(KeyboardInterrupt):
            fitting.fit(stand_in(name), faces, tmp_path, epochs=2, seed=5)
    fitting.fit(stand_in(name), faces, tmp_path, epochs=2, seed=5)
    expected = uninterrupted(name, "faces")
    assert _close(tmp_path / "history.json", expected / "history.json")
    ours, theirs = (keras.saving.load_model(run / "model.keras").get_weights() for run in (tmp_path, expected))
    assert _same(ours, theirs)


def _same(ours: list[NDArray[Any]], theirs: list[NDArray[Any]]) -> bool:
    """But for float sums in another order, from which Adam makes whole steps where a gradient is nearly zero."""
    return all(
        np.linalg.norm(one - other) < 1e-3 * np.linalg.norm(other) + 3e-3
        for one, other in zip(ours, theirs, strict=True)
    )


def _close(one: Path, other: Path) -> bool:
    rows, others = json.loads(one.read_text()), json.loads(other.read_text())
    return len(rows) == len(others) and all(
        row == pytest.approx(other, rel=1e-2, abs=1e-3) for row, other in zip(rows, others, strict=True)
    )


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(
    ("name", "where"),
    [*((name, "faces") for name in RECIPES if name != "seed"), ("mien", "rated"), ("fer2013", "rated")],
)
def test_every_recipe_trains_and_resumes_after_a_kill(
    request: pytest.FixtureRequest,
    uninterrupted: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    where: str,
) -> None:
    """Two epochs at a stretch, and two with a kill between them, end in the same weights; what was saved loads."""
    data = request.getfixturevalue(where)

    def dying(path: Path, save: Any) -> None:
        save_atomically(path, save)
        if path.name == "checkpoint.keras":
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(fitting, "save_atomically", dying)
        with pytest.raises(KeyboardInterrupt):
            fitting.fit(stand_in(name), data, tmp_path, epochs=2, seed=5)
    fitting.fit(stand_in(name), data, tmp_path, epochs=2, seed=5)
    one, other = (keras.saving.load_model(run / "model.keras") for run in (uninterrupted(name, where), tmp_path))
    for mine, yours in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(mine, yours, rtol=1e-3, atol=1e-4)


def test_the_other_view_is_learned_by_an_auxiliary_output(rated: Path, tmp_path: Path) -> None:
    """During training a network of two views has two outputs and their losses; the finished one has one output."""
    recipe = RECIPES["fer2013"]
    fitting.fit(recipe, rated, tmp_path, epochs=1, seed=0)
    learned = keras.saving.load_model(tmp_path / "checkpoint.keras")
    assert [tuple(output.shape) for output in learned.outputs] == [(None, 7), (None, 7)]
    assert keras.saving.load_model(tmp_path / "model.keras").count_params() == recipe.network().count_params()
    faces = fer2013.read(rated, "Training").view("fer2013")
    _, (labels, votes) = epoch.Batches(faces, replace(recipe, mixup=0), (0, 0))[0]
    rated_rows = votes.sum(axis=1) > 0
    assert (votes.argmax(axis=1) != labels.argmax(axis=1))[rated_rows].all()  # the votes are for another label
    alone = epoch.Batches(replace(faces, auxiliary=None), recipe, (0, 0))[0][1]
    assert len(alone) == 1


@pytest.mark.usefixtures("eager")
def test_the_last_third_of_the_epochs_has_the_final_augmentation(
    rated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two of three epochs have the recipe's augmentation, the third its final augmentation and no mixup."""
    recipe, settings = replace(small(RECIPES["mien"]), mixup=0.5, auxiliary=0.0), []

    def recorded(faces: fer2013.Faces, recipe: Any, key: tuple[int, int]) -> epoch.Batches:
        settings.append((recipe.augmentation, recipe.mixup))
        return epoch.Batches(faces, recipe, key)

    monkeypatch.setattr(fitting, "Batches", recorded)
    fitting.fit(recipe, rated, tmp_path, epochs=3, seed=0)
    assert settings == [(recipe.augmentation, 0.5), (recipe.augmentation, 0.5), (recipe.final_augmentation, 0.0)]


def test_targets_contain_the_teachers_predictions(faces: Path, seed_run: Path, tmp_path: Path) -> None:
    """With a teacher the targets are partly its predictions, and the run records which teacher it was."""
    train = fer2013.read(faces, "Training")
    recipe, teacher = replace(RECIPES["seed"], distillation=0.5), learner.load_teacher(seed_run)
    distilled = fitting.distill(train, [teacher, teacher], recipe.distillation)
    sides = [softmax(keras_logits(teacher, images)) for images in (train.images, train.images[:, :, ::-1])]
    np.testing.assert_allclose(distilled.targets, train.targets / 2 + (sides[0] + sides[1]) / 4, atol=1e-5)
    assert (distilled.labels == train.labels).all()
    fitting.fit(recipe, faces, tmp_path, epochs=1, seed=0, teachers=[seed_run])
    assert len(json.loads((tmp_path / "recipe.json").read_text())["teachers"][0]) == 64
    with pytest.raises(InputError, match="other settings"):
        fitting.fit(recipe, faces, tmp_path, epochs=1, seed=0)


def test_a_run_folder_keeps_its_settings(faces: Path, seed_run: Path) -> None:
    """A run cannot be resumed with another seed."""
    with pytest.raises(InputError, match="other settings"):
        fitting.fit(RECIPES["seed"], faces, seed_run, epochs=SEED_EPOCHS, seed=4)


@pytest.mark.usefixtures("eager")
def test_a_missing_expression_is_named_and_trained_without(
    faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A class with no training face, and another with no validation face: one sentence, and figures all the same."""
    tree = tmp_path / "tree"
    shutil.copytree(faces, tree)
    shutil.rmtree(tree / "train" / "disgust")
    shutil.rmtree(tree / "val" / "fear")
    metrics = fitting.fit(stand_in("mien"), tree, tmp_path / "run", epochs=1, seed=1)
    assert "There is no training face for disgust:" in capsys.readouterr().out
    assert metrics["faces"] == 24
    assert 0 <= metrics["balanced_accuracy"] <= 1


def test_a_picture_in_both_splits_ends_in_one_sentence(
    faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`fit` refuses it before training, and leaves no run behind."""
    tree = tmp_path / "tree"
    shutil.copytree(faces, tree)
    shutil.copy(tree / "train" / "sad" / "3.png", tree / "val" / "sad" / "copy.png")
    assert main(["fit", "--recipe", "seed", "--data", str(tree), "--out", str(tmp_path / "run")]) == 4
    error = capsys.readouterr().err
    assert str(tree / "train" / "sad" / "3.png") in error
    assert str(tree / "val" / "sad" / "copy.png") in error
    assert error.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_a_teacher_for_the_other_labels_is_refused(tmp_path: Path) -> None:
    """Where the data have two views: before anything is written, since its predictions would be wrong targets."""
    pixels = " ".join(["7"] * 2304)
    (tmp_path / "fer2013.csv").write_text(f"emotion,pixels,Usage\n3,{pixels},Training\n4,{pixels},PublicTest\n")
    (tmp_path / "fer2013new.csv").write_text(
        VOTES_HEADER + "Training,a.png,0,9,0,0,0,0,0,0,0,0\nPublicTest,b.png,0,0,0,9,0,0,0,0,0,0\n"
    )
    (tmp_path / "recipe.json").write_text('{"recipe": "mien", "view": "ferplus"}')
    with pytest.raises(InputError, match=r"learned FER\+'s labels.*a teacher for FER2013's"):
        fitting.fit(RECIPES["seed"], tmp_path, tmp_path / "run", epochs=1, seed=0, teachers=[tmp_path])
    assert not (tmp_path / "run").exists()
