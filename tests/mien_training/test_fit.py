"""Training: the seed's exact network, runs that go on after a kill, and figures that add up."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from mien.errors import InputError
from mien.expression import LABELS
from mien_training import epoch, learner
from mien_training import fit as fitting
from mien_training.cli import main
from mien_training.data import fer2013
from mien_training.data.augment import Augmentation, augment
from mien_training.evaluation import crop_margin
from mien_training.evaluation.metrics import fit_temperature, metrics, softmax
from mien_training.evaluation.predict import keras_logits
from mien_training.files import save_whole
from mien_training.muon import Muon
from mien_training.networks.mirror_layers import MirrorBranch, MirrorMean
from mien_training.networks.mirror_tying import mirrored
from mien_training.recipes import RECIPES
from mien_training.recipes import seed as seeds
from tests.conftest import face_folders
from tests.fakes.rated_faces import write_rated_faces

keras = pytest.importorskip("keras", reason="needs the extra 'training'")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")  # the backend's own

EPOCHS = 3
STILL = Augmentation(rotation=0, shift=0, scale=0, contrast=0, brightness=0, flip=False, coarse=0, noise=0)

VOTES_HEADER = "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF\n"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small tree of noisy demo faces, a folder a label."""
    folder = tmp_path_factory.mktemp("faces")
    face_folders(folder)
    return folder


def train(data: Path, run: Path) -> dict[str, Any]:
    return fitting.fit(RECIPES["seed"], data, run, epochs=EPOCHS, seed=3)


@pytest.fixture(scope="module")
def unbroken(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing stopped."""
    run = tmp_path_factory.mktemp("runs") / "unbroken"
    train(data, run)
    return run


def test_the_seed_network_is_exactly_the_seed() -> None:
    """2,002,055 parameters, 128 of them not trainable, in the seed's order of layers."""
    network = RECIPES["seed"].network()
    assert network.count_params() == 2_002_055
    assert sum(int(np.prod(weight.shape)) for weight in network.non_trainable_weights) == 128
    kinds = [type(layer).__name__ for layer in network.layers]
    convolutions = ["Rescaling", "Conv2D", "Conv2D", "MaxPooling2D", "BatchNormalization", "Dropout"]
    assert kinds == [*convolutions, "Flatten", "Dense", "Dropout", "Dense"]


def test_what_learns_in_the_seeds_place_is_written_as_the_seed() -> None:
    """The same logits, whatever it learned."""
    learned, rng = seeds.learner(), np.random.default_rng(6)
    learned.set_weights([rng.uniform(0.5, 1.5, weight.shape) * (weight + 0.1) for weight in learned.get_weights()])
    faces = rng.integers(0, 256, (20, 48, 48, 1)).astype(np.uint8)
    expected, found = (keras_logits(model, faces) for model in (learned, seeds.folded(learned)))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())
    assert np.ptp(expected, axis=0).min() > 0.01 * np.abs(expected).max()


def test_a_run_leaves_all_that_was_promised(unbroken: Path) -> None:
    """Model, history, metrics and pictures are there and agree with each other."""
    history = json.loads((unbroken / "history.json").read_text())
    found = json.loads((unbroken / "metrics.json").read_text())
    assert len(history) == EPOCHS
    assert found["accuracy"] == pytest.approx(max(row["val_accuracy"] for row in history), abs=1e-3)
    assert -0.5 <= found["crop_margin"] <= 1
    for name in ("curves.svg", "confusion.svg"):
        assert (unbroken / name).read_text().lstrip().startswith("<?xml")
    assert not list(unbroken.glob("part-*"))


@pytest.mark.parametrize("writes", [1, 3, 5, 7])
def test_a_killed_run_goes_on_to_the_same_end(
    data: Path, unbroken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    """Wherever a run is cut off between two writes, going on gives the weights and history of an unbroken one."""
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
            train(data, tmp_path)
    train(data, tmp_path)
    assert _close(tmp_path / "history.json", unbroken / "history.json")
    ours, theirs = (keras.saving.load_model(run / "model.keras").get_weights() for run in (tmp_path, unbroken))
    assert _same(ours, theirs)


def _same(ours: list[NDArray[Any]], theirs: list[NDArray[Any]]) -> bool:
    """But for float sums in another order, from which Adam makes whole steps where a gradient is nearly none."""
    return all(
        np.linalg.norm(one - other) < 1e-3 * np.linalg.norm(other) + 3e-3
        for one, other in zip(ours, theirs, strict=True)
    )


def _close(one: Path, other: Path) -> bool:
    rows, others = json.loads(one.read_text()), json.loads(other.read_text())
    return len(rows) == len(others) and all(
        row == pytest.approx(other, rel=1e-2, abs=1e-3) for row, other in zip(rows, others, strict=True)
    )


@pytest.fixture(scope="module")
def rated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Noise with FER2013's labels and FER+'s votes."""
    return write_rated_faces(tmp_path_factory.mktemp("rated"), count=70)


@pytest.mark.parametrize(
    ("name", "where"),
    [*((name, "data") for name in RECIPES if name != "seed"), ("mien", "rated"), ("fer2013", "rated")],
)
def test_every_recipe_trains_and_goes_on_after_a_kill(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, where: str
) -> None:
    """Two epochs at a stretch, and two with a kill between them, end in the same weights; what was saved loads."""
    data = request.getfixturevalue(where)

    def dying(path: Path, save: Any) -> None:
        save_whole(path, save)
        if path.name == "checkpoint.keras":
            raise KeyboardInterrupt

    fitting.fit(RECIPES[name], data, tmp_path / "whole", epochs=2, seed=5)
    with monkeypatch.context() as patch:
        patch.setattr(fitting, "save_whole", dying)
        with pytest.raises(KeyboardInterrupt):
            fitting.fit(RECIPES[name], data, tmp_path / "broken", epochs=2, seed=5)
    fitting.fit(RECIPES[name], data, tmp_path / "broken", epochs=2, seed=5)
    one, other = (keras.saving.load_model(tmp_path / run / "model.keras") for run in ("whole", "broken"))
    for mine, yours in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(mine, yours, rtol=1e-3, atol=1e-4)


def test_the_other_view_is_learnt_beside_and_left_out(rated: Path, tmp_path: Path) -> None:
    """While it learns, a network of two views has two outputs and their losses; what it leaves has one."""
    recipe = RECIPES["fer2013"]
    fitting.fit(recipe, rated, tmp_path, epochs=1, seed=0)
    learning = keras.saving.load_model(tmp_path / "checkpoint.keras")
    assert [tuple(output.shape) for output in learning.outputs] == [(None, 7), (None, 7)]
    assert keras.saving.load_model(tmp_path / "model.keras").count_params() == recipe.network().count_params()
    faces = fer2013.read(rated, "Training").view("fer2013")
    _, (labels, votes) = epoch.Batches(faces, replace(recipe, mixed=0), (0, 0))[0]
    seen = votes.sum(axis=1) > 0
    assert (votes.argmax(axis=1) != labels.argmax(axis=1))[seen].all()  # the taggers see another than the label
    alone = epoch.Batches(replace(faces, beside=None), recipe, (0, 0))[0][1]
    assert len(alone) == 1


def test_the_last_third_of_the_epochs_is_gentle(rated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of three epochs are shown as the recipe's augmentation says, the third gently and without blends."""
    recipe, seen = replace(RECIPES["mien"], mixed=0.5, beside=0.0), []

    def watched(faces: fer2013.Faces, recipe: Any, key: tuple[int, int]) -> epoch.Batches:
        seen.append((recipe.augmentation, recipe.mixed))
        return epoch.Batches(faces, recipe, key)

    monkeypatch.setattr(fitting, "Batches", watched)
    fitting.fit(recipe, rated, tmp_path, epochs=3, seed=0)
    assert seen == [(recipe.augmentation, 0.5), (recipe.augmentation, 0.5), (recipe.gentle, 0.0)]


@given(count=st.integers(1, 12), seed=st.integers(0, 99))
def test_blended_faces_have_blended_targets(count: int, seed: int) -> None:
    """Pixels and targets are mixed in the same shares, the face itself with at least half; shares still sum to 1."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 7
    images = np.repeat(labels * 40, 48 * 48).reshape(count, 48, 48, 1).astype(np.uint8)  # as bright as its label
    targets = np.eye(7, dtype=np.float32)[labels]
    mixed, (shares,) = epoch.blended(images, (targets,), rng)
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-5)
    assert (shares[np.arange(count), labels] >= 0.5).all()
    np.testing.assert_allclose(mixed[:, 0, 0, 0], shares @ (np.arange(7) * 40), atol=0.51)


def test_a_rectangle_of_some_faces_is_hidden() -> None:
    """All of them where the share is 1; one grey, its sides within their bounds, the rest of the face as it was."""
    images = np.random.default_rng(0).integers(0, 256, (50, 48, 48, 1)).astype(np.uint8)
    made = augment(images, replace(STILL, hidden=1), np.random.default_rng(1))
    for one, other in zip(made[..., 0], images[..., 0], strict=True):
        rows, columns = np.nonzero(one != other)
        box = one[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        assert np.ptp(box) == 0
        assert all(5 <= side <= 22 for side in box.shape)


def test_a_teacher_is_learnt_from(data: Path, unbroken: Path, tmp_path: Path) -> None:
    """With a teacher the targets are partly its answers, and the run remembers which teacher it was."""
    faces = fer2013.read(data, "Training")
    recipe, teacher = replace(RECIPES["seed"], distillation=0.5), learner.load_teacher(unbroken)
    learned = fitting.distill(faces, [teacher, teacher], recipe.distillation)
    answers = [softmax(keras_logits(teacher, images)) for images in (faces.images, faces.images[:, :, ::-1])]
    np.testing.assert_allclose(learned.targets, faces.targets / 2 + (answers[0] + answers[1]) / 4, atol=1e-5)
    assert (learned.labels == faces.labels).all()
    fitting.fit(recipe, data, tmp_path, epochs=1, seed=0, teachers=[unbroken])
    assert len(json.loads((tmp_path / "recipe.json").read_text())["teachers"][0]) == 64
    with pytest.raises(InputError, match="other settings"):
        fitting.fit(recipe, data, tmp_path, epochs=1, seed=0)


def test_muon_steps_as_far_in_every_direction() -> None:
    """A convolution's step has like singular values, however unlike its gradient's are; a narrow kernel's is Adam's."""
    rng = np.random.default_rng(0)
    wide, narrow = (keras.Variable(np.zeros((3, 3, inputs, 24), np.float32)) for inputs in (32, 1))
    gradient = rng.normal(size=wide.shape) * np.logspace(-2, 0, 24)
    Muon(0.1, weight_decay=None, adam_weight_decay=None).apply(
        [keras.ops.convert_to_tensor(gradient.astype(np.float32)), keras.ops.ones(narrow.shape)], [wide, narrow]
    )
    step = np.linalg.svd(np.asarray(wide).reshape(-1, 24), compute_uv=False)
    np.testing.assert_allclose(step, 0.1 * 0.2 * np.sqrt(3 * 3 * 32), rtol=0.4)  # as long as Adam's, on average
    np.testing.assert_allclose(np.asarray(narrow), -0.1, rtol=1e-3)


def test_a_mirrored_face_gets_the_same_answer(rated: Path, tmp_path: Path) -> None:
    """After training, too, and although other faces than their mirror images were shown."""
    recipe = replace(RECIPES["fer2013"], augmentation=STILL, batch=10)
    fitting.fit(recipe, rated, tmp_path, epochs=2, seed=4)
    network = keras.saving.load_model(tmp_path / "model.keras")
    faces = fer2013.read(rated, "Training").images
    seen, back = (keras_logits(network, images) for images in (faces, faces[:, :, ::-1]))
    assert np.abs(seen - back).max() < 0.01 * np.ptp(seen, axis=0).max()  # and not because all faces do
    learner.compiled(recipe, 9, start=tmp_path)  # is not refused


def test_both_sides_of_a_face_count_alike() -> None:
    """A finished `mien` answers with the mean of what its layers say of a face and say of its mirror image."""
    network = RECIPES["mien"].network()
    kernels = [layer.kernel for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]
    for kernel in kernels[:3]:
        kernel.assign(mirrored(kernel))
    one_sided = keras.Sequential(
        [layer for layer in network.layers if not isinstance(layer, MirrorBranch | MirrorMean)]
    )
    faces = np.random.default_rng(7).integers(0, 256, (9, 48, 48, 1)).astype(np.uint8)
    seen, back = (keras_logits(one_sided, images) for images in (faces, faces[:, :, ::-1]))
    size = np.abs(seen).max()
    np.testing.assert_allclose(keras_logits(network, faces), (seen + back) / 2, atol=1e-4 * size)
    assert np.abs(seen - back).max() > 0.01 * size


@pytest.fixture(scope="module")
def begun(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short run to start from."""
    run = tmp_path_factory.mktemp("runs") / "begun"
    fitting.fit(RECIPES["mien"], data, run, epochs=1, seed=3)
    return run


def test_a_run_starts_from_another_ones_weights(data: Path, begun: Path, unbroken: Path, tmp_path: Path) -> None:
    """The first epoch goes on where the other run ended; another network or an unfinished run is refused."""
    start = learner.compiled(RECIPES["mien"], 9, start=begun).get_weights()
    network = RECIPES["mien"].network()
    network.load_weights(begun / "best.weights.h5")
    for one, other in zip(start, network.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    free = tmp_path / "free"
    free.mkdir()
    RECIPES["fer2013"].network().save_weights(free / "best.weights.h5")
    for name, run, why in (
        ("mien", unbroken, "another network than mien"),
        ("mien", tmp_path, "cannot be read"),
        ("fer2013", free, "without mirrored pairs"),
        ("seed", unbroken, "leave out --start"),
    ):
        with pytest.raises(InputError, match=why):
            fitting.fit(RECIPES[name], data, tmp_path / "run", epochs=1, seed=0, start=run)


def test_runs_become_one_by_the_mean_of_their_weights(data: Path, begun: Path, tmp_path: Path) -> None:
    """The mean is a finished run, to teach, to start from or to convert; runs of other recipes have none."""
    fitting.fit(RECIPES["mien"], data, tmp_path / "on", epochs=1, seed=4, start=begun)
    runs = [str(begun), str(tmp_path / "on")]
    order = ["--data", str(data), "--out", str(tmp_path / "mean")]
    assert main(["average", *runs, *order]) == 0
    one, other, mean = (learner.load_teacher(run).get_weights() for run in [*map(Path, runs), tmp_path / "mean"])
    for mine, yours, ours in zip(one, other, mean, strict=True):
        np.testing.assert_allclose(ours, (mine + yours) / 2, rtol=1e-5, atol=1e-7)
    assert json.loads((tmp_path / "mean" / "metrics.json").read_text())["faces"] > 0
    assert main(["average", *runs, *order]) == 4  # there is a run already
    assert main(["average", runs[0], *order]) == 2
    settings = tmp_path / "on" / "recipe.json"
    settings.write_text(settings.read_text().replace('"mien",', '"parts",', 1))
    assert main(["average", *runs, "--data", str(data), "--out", str(tmp_path / "none")]) == 4
    assert main(["average", runs[1], runs[1], "--data", str(data), "--out", str(tmp_path / "none")]) == 4
    assert not (tmp_path / "none").exists()


def test_a_run_folder_keeps_its_settings(data: Path, unbroken: Path) -> None:
    """Another seed cannot go on in a run's folder."""
    with pytest.raises(InputError, match="other settings"):
        fitting.fit(RECIPES["seed"], data, unbroken, epochs=EPOCHS, seed=4)


def test_evaluate_agrees_with_the_run(data: Path, unbroken: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`mien-train evaluate` of the run's model gives the run's own figures."""
    arguments = ["evaluate", str(unbroken / "model.keras"), "--data", str(data), "--split", "PublicTest", "--json"]
    assert main(arguments) == 0
    shown = json.loads(capsys.readouterr().out.splitlines()[-1])
    found = json.loads((unbroken / "metrics.json").read_text())
    assert {key: shown[key] for key in ("accuracy", "confusion", "faces")} == {
        key: found[key] for key in ("accuracy", "confusion", "faces")
    }


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["fit", "--recipe", "sed", "--data", "{data}", "--out", "{out}"], 2),
        (["fit", "--recipe", "seed", "--data", "{data}", "--out", "{out}", "--epochs", "0"], 2),
        (["fit", "--recipe", "seed", "--data", "{out}", "--out", "{out}"], 4),
        (["fit", "--recipe", "seed", "--data", "{data}", "--out", "{out}", "--teacher", "{data}"], 4),
        (["evaluate", "{data}/none.keras", "--data", "{data}", "--split", "PublicTest"], 4),
        (["evaluate", "{out}/bad.keras", "--data", "{data}", "--split", "PublicTest"], 5),
        (["evaluate", "{out}/bad.tflite", "--data", "{data}", "--split", "PublicTest"], 5),
        (["evaluate", "{out}/bad.keras", "--data", "{data}", "--split", "validation"], 4),
    ],
)
def test_bad_orders_get_one_sentence(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int
) -> None:
    """Unknown recipes, splits, folders and broken models end in a sentence and their exit code."""
    (tmp_path / "bad.keras").write_bytes(b"not a model")
    (tmp_path / "bad.tflite").write_bytes(b"not a model")
    assert main([argument.format(data=data, out=tmp_path) for argument in arguments]) == code
    error = capsys.readouterr().err
    assert error.startswith("mien-train: ")
    assert error.count("\n") == 1


def test_augmentation_without_range_changes_nothing() -> None:
    """With all ranges zero the faces come out as they went in."""
    images = np.random.default_rng(0).integers(0, 256, (5, 48, 48, 1)).astype(np.uint8)
    assert (augment(images, STILL, np.random.default_rng(1)) == images).all()


def test_a_flip_is_a_mirror_image() -> None:
    """With only the flip on, each face is itself or its mirror image, and both occur."""
    images = np.random.default_rng(0).integers(0, 256, (20, 48, 48, 1)).astype(np.uint8)
    only = replace(STILL, flip=True)
    made = augment(images, only, np.random.default_rng(1))
    same = [(one == other).all() for one, other in zip(made, images, strict=True)]
    turned = [(one == other[:, ::-1]).all() for one, other in zip(made, images, strict=True)]
    assert all(one or other for one, other in zip(same, turned, strict=True))
    assert any(same)
    assert any(turned)


def test_a_missing_expression_is_named_and_trained_without(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A class with no training face, and another with no validation face: one sentence, and figures all the same."""
    tree = tmp_path / "tree"
    shutil.copytree(data, tree)
    shutil.rmtree(tree / "train" / "disgust")
    shutil.rmtree(tree / "val" / "fear")
    found = fitting.fit(RECIPES["seed"], tree, tmp_path / "run", epochs=1, seed=1)
    assert "There is no training face for disgust:" in capsys.readouterr().out
    assert found["faces"] == 24
    assert 0 <= found["balanced_accuracy"] <= 1


def test_a_picture_on_both_sides_ends_in_one_sentence(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`fit` refuses it before it trains, and leaves no run behind."""
    tree = tmp_path / "tree"
    shutil.copytree(data, tree)
    shutil.copy(tree / "train" / "sad" / "3.png", tree / "val" / "sad" / "copy.png")
    assert main(["fit", "--recipe", "seed", "--data", str(tree), "--out", str(tmp_path / "run")]) == 4
    error = capsys.readouterr().err
    assert str(tree / "train" / "sad" / "3.png") in error
    assert str(tree / "val" / "sad" / "copy.png") in error
    assert error.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_metrics_by_hand() -> None:
    """Three faces, one named wrongly: a third wrong, and the balance counts classes, not faces."""
    logits = np.full((3, 7), -1.0, np.float32)
    logits[[0, 1, 2], [1, 1, 2]] = 1
    found = metrics(logits, np.array([1, 2, 2]))
    assert found["accuracy"] == pytest.approx(2 / 3, abs=1e-4)
    assert found["balanced_accuracy"] == pytest.approx((1 + 0.5) / 2)
    assert found["confusion"][2] == [0, 1, 1, 0, 0, 0, 0]


def test_temperature_undoes_overconfidence() -> None:
    """Logits that were made three times too large are found out."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 1.5, (20000, 7)).astype(np.float32)
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = np.array([rng.choice(7, p=row / row.sum()) for row in shares.astype(float)])
    assert fit_temperature(logits * 3, labels) == pytest.approx(3, rel=0.05)


@given(
    targets=arrays(np.float32, st.tuples(st.integers(1, 60), st.just(7)), elements=st.floats(0, 1, width=32)),
    balance=st.floats(0, 1),
    seed=st.integers(0, 9),
)
def test_an_epoch_shows_as_many_faces_as_there_are(targets: NDArray[np.float32], balance: float, seed: int) -> None:
    """However uneven the expressions are, and each face once where nothing is balanced."""
    targets = targets + np.float32(0.01)
    targets /= targets.sum(axis=1, keepdims=True)
    order = epoch.shown(targets, balance, np.random.default_rng(seed))
    assert len(order) == len(targets)
    assert 0 <= order.min() <= order.max() < len(targets)
    if balance == 0:
        assert sorted(order) == list(range(len(targets)))


def test_balance_shows_the_rare_ones_more_often() -> None:
    """Ten of a thousand come as often as the others at balance 1, and between the two at 0.5."""
    targets = np.eye(7, dtype=np.float32)[[0] * 990 + [5] * 10]
    rare = [(epoch.shown(targets, balance, np.random.default_rng(0)) >= 990).sum() for balance in (0, 0.5, 1)]
    assert rare[0] == 10 < rare[1] < rare[2] == pytest.approx(500, abs=10)


def test_the_margin_is_as_small_as_the_measurement_allows() -> None:
    """A flat curve leaves the detector's box as it is; a clear peak is taken."""
    assert crop_margin.nearest_good([0.8] * 8, 1000) == 0
    assert crop_margin.nearest_good([0.84, 0.835, 0.834, 0.83, 0.824, 0.827, 0.816, 0.82], 1000) == 0
    assert crop_margin.nearest_good([0.5, 0.5, 0.5, 0.5, 0.6, 0.8, 0.8, 0.8], 1000) == pytest.approx(0.15)


def test_a_lift_names_what_is_best_for_accuracy_and_balanced_accuracy() -> None:
    """No other name for any face adds to accuracy + lift * balanced accuracy, as far as its probabilities can say.

    Nobody wears the last expression.
    """
    rng, lift = np.random.default_rng(3), 0.4
    sure = np.zeros((300, 7), np.float32)
    sure[:, :6] = rng.dirichlet([4, 3, 2, 1, 0.7, 0.1], len(sure)) + 1e-6
    network = RECIPES["seed"].network()
    before = np.asarray(network.layers[-1].bias)
    fitting.lift_rare(network, sure, 0)
    np.testing.assert_array_equal(np.asarray(network.layers[-1].bias), before)
    fitting.lift_rare(network, sure, lift)
    gained = np.asarray(network.layers[-1].bias) - before
    assert gained[6] == 0
    named = (np.log(sure[:, :6]) + gained[:6]).argmax(axis=1)
    assert (named != sure.argmax(axis=1)).any()

    def worth(names: NDArray[np.int64]) -> float:
        right = sure[:, :6] * np.eye(6)[names]
        return float(right.sum() / len(sure) + lift * (right.sum(axis=0) / sure[:, :6].sum(axis=0)).mean())

    for face in range(len(sure)):
        for other in range(6):
            names = named.copy()
            names[face] = other
            assert worth(names) <= worth(named) + 1e-7


def test_a_teacher_of_the_other_labels_is_refused(tmp_path: Path) -> None:
    """Where the data have two views: before anything is written, since its answers would be wrong targets."""
    pixels = " ".join(["7"] * 2304)
    (tmp_path / "fer2013.csv").write_text(f"emotion,pixels,Usage\n3,{pixels},Training\n4,{pixels},PublicTest\n")
    (tmp_path / "fer2013new.csv").write_text(
        VOTES_HEADER + "Training,a.png,0,9,0,0,0,0,0,0,0,0\nPublicTest,b.png,0,0,0,9,0,0,0,0,0,0\n"
    )
    (tmp_path / "recipe.json").write_text('{"recipe": "mien", "view": "ferplus"}')
    with pytest.raises(InputError, match=r"learned FER\+'s labels.*a teacher for FER2013's"):
        fitting.fit(RECIPES["seed"], tmp_path, tmp_path / "run", epochs=1, seed=0, teachers=[tmp_path])
    assert not (tmp_path / "run").exists()


def test_votes_become_shares_beside_the_labels(tmp_path: Path) -> None:
    """FER+ rows line up with the faces; contempt, unknown and lone votes do not count; a face with none is dropped."""
    pixels = " ".join(["7"] * 2304)
    (tmp_path / "fer2013.csv").write_text(
        f"emotion,pixels,Usage\n3,{pixels},Training\n4,{pixels},PublicTest\n0,{pixels},Training\n"
    )
    (tmp_path / "fer2013new.csv").write_text(
        VOTES_HEADER
        + "Training,a.png,3,1,2,0,0,0,0,3,1,0\nPublicTest,b.png,0,0,0,10,0,0,0,0,0,0\nTraining,,0,0,0,0,0,0,0,0,0,10\n"
    )
    faces = fer2013.read(tmp_path, "Training")
    labelled, rated = faces.view("fer2013"), faces.view("ferplus")
    assert [LABELS[label] for label in labelled.labels] == ["happy", "angry"]
    assert labelled.targets.argmax(axis=1).tolist() == labelled.labels.tolist()
    assert [LABELS[label] for label in rated.labels] == ["neutral"]
    np.testing.assert_allclose(rated.targets, [[0.6, 0, 0, 0.4, 0, 0, 0]], rtol=1e-6)
    assert rated.beside is not None
    assert [LABELS[label] for label in rated.beside.argmax(axis=1)] == ["happy"]
    (tmp_path / "fer2013new.csv").write_text(VOTES_HEADER)
    with pytest.raises(InputError, match="must match"):
        fer2013.read(tmp_path, "Training")
