"""Train a recipe. Reads from top to bottom: data, network, schedule, loop, best weights, results.

A run folder holds recipe.json, checkpoint.keras (everything needed to resume), history.json, and at the end
model.keras (the best weights, in float32), metrics.json and pictures. A run that was killed at any moment resumes after
its last complete epoch and ends like an uninterrupted one: (seed, epoch) decides all randomness of an epoch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from mien.errors import InputError
from mien.expression import LABELS
from mien_training.data import fer2013
from mien_training.data.fer2013 import Faces
from mien_training.data.label_mapping import LabelMapping
from mien_training.epoch import Batches, batch_count, has_auxiliary_targets
from mien_training.evaluation.crop_margin import best_margin
from mien_training.evaluation.metrics import metrics, softmax
from mien_training.evaluation.predict import keras_logits, keras_predictor
from mien_training.files import digest, read_json, save_atomically, write_json
from mien_training.learner import build_learner, check_teachers, inference_model, load_teacher, seed_dropout
from mien_training.networks.mirror_tying import average_statistics, tie_mirror_channels
from mien_training.recipes import Recipe
from mien_training.report.plots import save_confusion, save_curves

History = list[dict[str, float]]


def fit(
    recipe: Recipe,
    data: Path,
    run: Path,
    *,
    epochs: int,
    seed: int,
    limit: int | None = None,
    start: Path | None = None,
    teachers: Sequence[Path] = (),
    labels: LabelMapping | None = None,
) -> dict[str, Any]:
    """Train into the folder `run`, or resume the run there, and return its metrics.

    limit: use only the first faces of each split, for a quick try.
    start: the folder of a finished run with the same network, whose weights to start with.
    teachers: folders of runs; the mean of their predictions becomes part of the targets.
    labels: the expressions of the data's folders with other names.
    """
    splits = {split: fer2013.read(data, split, labels)[:limit] for split in ("Training", "PublicTest")}
    train, validation = (faces.view(recipe.view) for faces in splits.values())
    duplicates = fer2013.count_duplicates(train, validation)
    warn_missing_labels(train)
    if train.auxiliary is not None:
        check_teachers(teachers, recipe.view)
    settings = open_run_folder(
        run,
        {
            "recipe": recipe.name,
            "view": recipe.view,
            "seed": seed,
            "epochs": epochs,
            "faces": [len(train), len(validation)],
            "dropped": [len(faces) - len(faces.view(recipe.view)) for faces in splits.values()],
            "start": None if start is None else digest(start / "best.weights.h5"),
            "teachers": [digest(teacher / "best.weights.h5") for teacher in teachers],
        },
    )

    inputs, validation_inputs = prepare_faces(train, recipe), prepare_faces(validation, recipe)
    keras.utils.set_random_seed(seed)
    keras.mixed_precision.set_global_policy(settings["precision"])
    enable_data_parallelism()
    inputs = distill(inputs, [load_teacher(teacher) for teacher in teachers], recipe.distillation)
    steps, auxiliary = batch_count(train, recipe), has_auxiliary_targets(recipe, train)
    learner = load_checkpoint(run) or build_learner(recipe, epochs * steps, auxiliary=auxiliary, start=start)
    network = inference_model(learner)
    if recipe.mirrored:
        tie_mirror_channels(learner)
    done = int(learner.optimizer.iterations) // steps
    history: History = read_json(run / "history.json", [])[:done]

    for epoch in range(done, epochs):
        seed_dropout(learner, seed, epoch)
        log = learner.fit(
            Batches(inputs, recipe.at(epoch / epochs), (seed, epoch)),
            epochs=epoch + 1,
            initial_epoch=epoch,
            shuffle=False,
        )
        if recipe.mirrored:
            average_statistics(network)
        validated = validation_metrics(keras_logits(network, validation_inputs.images), validation_inputs.targets)
        history.append(training_metrics(log.history) | validated)
        print(f"validation: accuracy {validated['val_accuracy']:.4f}, loss {validated['val_loss']:.4f}", flush=True)
        if history[-1]["val_accuracy"] >= max(row["val_accuracy"] for row in history):
            save_atomically(run / "best.weights.h5", recipe.export(network).save_weights)
        write_json(run / "history.json", history)
        save_atomically(run / "checkpoint.keras", learner.save)

    return write_results(recipe, run, history, validation, duplicates)


def write_results(recipe: Recipe, run: Path, history: History, validation: Faces, duplicates: int) -> dict[str, Any]:
    """Write the best weights as a plain float32 model with its metrics and pictures, and return the metrics.

    duplicates: number of validation faces that are training faces too.
    """
    keras.mixed_precision.set_global_policy("float32")
    model = recipe.network()
    model.load_weights(run / "best.weights.h5")
    save_atomically(run / "model.keras", model.save)
    predict = keras_predictor(model, recipe)
    margin, by_margin = best_margin(predict, validation)
    results = metrics(predict(validation.images), validation.labels)
    results |= {"crop_margin": margin, "accuracy_by_margin": by_margin, "repeated_faces": duplicates}
    write_json(run / "metrics.json", results)
    save_curves(run / "curves.svg", history)
    save_confusion(run / "confusion.svg", results["confusion"])
    return results


def distill(faces: Faces, teachers: Sequence[keras.Model], share: float) -> Faces:
    """Return the faces with this share, 0 to 1, of their targets taken from the teachers' predictions.

    A prediction is the mean of the teachers' probabilities for a face and for its mirror image. It is made once, before
    augmentation: predictions for every augmented face would cost as much as the training itself.
    """
    if not teachers:
        return faces
    print(f"running the teachers on {len(faces)} faces", flush=True)
    sides = (faces.images, faces.images[:, :, ::-1])
    predictions = np.mean([softmax(keras_logits(teacher, images)) for teacher in teachers for images in sides], axis=0)
    return replace(faces, votes=np.asarray((1 - share) * faces.targets + share * predictions, np.float32))


def training_metrics(log: dict[str, list[float]]) -> dict[str, float]:
    """Return loss and accuracy of an epoch from Keras's log, whose names depend on the number of outputs."""
    accuracy = next(values for name, values in log.items() if name.endswith("accuracy"))
    return {"loss": float(log["loss"][0]), "accuracy": float(accuracy[0])}


def validation_metrics(logits: NDArray[np.float32], targets: NDArray[np.float32]) -> dict[str, float]:
    """Return the accuracy against the largest target, and the mean cross-entropy in nats."""
    correct = logits.argmax(axis=1) == targets.argmax(axis=1)
    loss = -(targets * np.log(softmax(logits) + 1e-7)).sum(axis=1)
    return {"val_accuracy": float(correct.mean()), "val_loss": float(loss.mean())}


def warn_missing_labels(train: Faces) -> None:
    """Print which expressions have no training face."""
    missing = [label for index, label in enumerate(LABELS) if index not in train.labels]
    if missing:
        print(f"There is no training face for {', '.join(missing)}: the network cannot learn that.")


def prepare_faces(faces: Faces, recipe: Recipe) -> Faces:
    """Return the faces in the form that is the input of the recipe's network."""
    return replace(faces, images=recipe.prepare(faces.images))


def open_run_folder(run: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """Create the run folder, or check that the run in it has the same settings; return them with the precision.

    A run keeps its precision, a Keras dtype policy, also where it is resumed on another machine. Raises InputError for
    a run with other settings.
    """
    run.mkdir(parents=True, exist_ok=True)
    path = run / "recipe.json"
    fresh = settings | {"precision": choose_precision()}
    kept = read_json(path, fresh) if (run / "checkpoint.keras").exists() else fresh
    if {name: value for name, value in kept.items() if name != "precision"} != settings:
        raise InputError(f"{run} holds a run with other settings: choose another --out, or remove it.")
    write_json(path, kept)
    return dict(kept)


def choose_precision() -> str:
    """Return bfloat16 where the backend uses hardware for it, else float32, which is faster there.

    The hardware is a GPU, AMX in a CPU, or on torch AVX-512's bfloat16 (on TensorFlow that was slower than float32).
    """
    flags = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").exists() else ""
    device = str(keras.ops.zeros(1).device).lower()  # each backend has its own name for a GPU
    on_cpu = "amx_bf16" in flags or ("avx512_bf16" in flags and keras.backend.backend() == "torch")
    return "mixed_bfloat16" if on_cpu or "gpu" in device or "cuda" in device else "float32"


def enable_data_parallelism() -> None:
    """Share each batch among several accelerators; of the backends only jax does that without code of its own."""
    if keras.backend.backend() == "jax" and len(keras.distribution.list_devices()) > 1:
        keras.distribution.set_distribution(keras.distribution.DataParallel(auto_shard_dataset=False))


def load_checkpoint(run: Path) -> keras.Model | None:
    """Load the network and the optimiser's state after the last complete epoch; None without a checkpoint."""
    path = run / "checkpoint.keras"
    return keras.saving.load_model(path) if path.exists() else None
