"""Train a recipe. Reads from top to bottom: data, network, schedule, loop, best weights, report.

A run folder holds recipe.json, checkpoint.keras (everything needed to go on), history.json, and at the end
model.keras (the best weights, in float32), metrics.json and pictures. A run that was killed at any moment goes on
from its last whole epoch and ends like an unbroken one: each epoch draws its randomness from (seed, epoch) alone.
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
from mien_training.epoch import Batches, count, learns_beside
from mien_training.evaluation.crop_margin import best_margin
from mien_training.evaluation.metrics import metrics, softmax
from mien_training.evaluation.predict import keras_logits, keras_predictor
from mien_training.files import digest, read_json, save_whole, write_json
from mien_training.learner import check_teachers, compiled, load_teacher, naming, reseed
from mien_training.networks.mirror_tying import settle_statistics, tie_mirror_channels
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
) -> dict[str, Any]:
    """Train into the folder `run`, or go on with it, and return its metrics.

    limit: use only so many faces of each split, for a quick try.
    start: the folder of a finished run with the same network, whose weights to begin with.
    teachers: folders of runs, the mean of whose answers becomes part of the targets.
    """
    read = {split: fer2013.read(data, split)[:limit] for split in ("Training", "PublicTest")}
    train, validation = (faces.view(recipe.view) for faces in read.values())
    repeats = fer2013.repeated(train, validation)
    warn_of_missing(train)
    if train.beside is not None:
        check_teachers(teachers, recipe.view)
    settings = begin(
        run,
        {
            "recipe": recipe.name,
            "view": recipe.view,
            "seed": seed,
            "epochs": epochs,
            "faces": [len(train), len(validation)],
            "dropped": [len(faces) - len(faces.view(recipe.view)) for faces in read.values()],
            "start": None if start is None else digest(start / "best.weights.h5"),
            "teachers": [digest(teacher / "best.weights.h5") for teacher in teachers],
        },
    )

    learned, judged = prepared(train, recipe), prepared(validation, recipe)
    keras.utils.set_random_seed(seed)
    keras.mixed_precision.set_global_policy(settings["precision"])
    spread_over_devices()
    learned = distill(learned, [load_teacher(teacher) for teacher in teachers], recipe.distillation)
    steps, beside = count(train, recipe), learns_beside(recipe, train)
    learner = resume(run) or compiled(recipe, epochs * steps, beside=beside, start=start)
    network = naming(learner)
    if recipe.mirrored:
        tie_mirror_channels(learner)
    done = int(learner.optimizer.iterations) // steps
    history: History = read_json(run / "history.json", [])[:done]

    for epoch in range(done, epochs):
        reseed(learner, seed, epoch)
        log = learner.fit(
            Batches(learned, recipe.at(epoch / epochs), (seed, epoch)),
            epochs=epoch + 1,
            initial_epoch=epoch,
            shuffle=False,
        )
        if recipe.mirrored:
            settle_statistics(network)
        seen = validated(keras_logits(network, judged.images), judged.targets)
        history.append(first_values(log.history) | seen)
        print(f"validation: accuracy {seen['val_accuracy']:.4f}, loss {seen['val_loss']:.4f}", flush=True)
        if history[-1]["val_accuracy"] >= max(row["val_accuracy"] for row in history):
            save_whole(run / "best.weights.h5", recipe.finished(network).save_weights)
        write_json(run / "history.json", history)
        save_whole(run / "checkpoint.keras", learner.save)

    return report(recipe, run, history, (train, validation), repeats)


def report(recipe: Recipe, run: Path, history: History, splits: tuple[Faces, Faces], repeats: int) -> dict[str, Any]:
    """Write the best weights as a plain float32 model, and what they are worth.

    splits: training and validation faces. repeats: how many of the validation faces were trained on too.
    """
    train, validation = splits
    keras.mixed_precision.set_global_policy("float32")
    model = recipe.network()
    model.load_weights(run / "best.weights.h5")
    lift_rare(model, train.targets, recipe.lift)
    save_whole(run / "model.keras", model.save)
    predict = keras_predictor(model, recipe)
    margin, by_margin = best_margin(predict, validation)
    found = metrics(predict(validation.images), validation.labels)
    found |= {"crop_margin": margin, "accuracy_by_margin": by_margin, "repeated_faces": repeats}
    write_json(run / "metrics.json", found)
    save_curves(run / "curves.svg", history)
    save_confusion(run / "confusion.svg", found["confusion"])
    return found


def lift_rare(model: keras.Model, targets: NDArray[np.float32], lift: float) -> None:
    """Shift the last layer's biases so that it names what is best for accuracy + lift * balanced accuracy.

    One more of n faces rightly named k adds 1 / n to the first and, of c expressions, 1 / (c * n * k's frequency) to
    the second: k is worth log(1 + lift / (c * frequency)) logits. An expression that nobody wears is worth nothing.
    """
    frequency = targets.mean(axis=0)
    worn = frequency > 0
    worth = np.zeros(len(frequency))
    worth[worn] = np.log1p(lift / (worn.sum() * frequency[worn]))
    bias = model.layers[-1].bias
    bias.assign(np.asarray(bias) + worth)


def distill(faces: Faces, teachers: Sequence[keras.Model], share: float) -> Faces:
    """The faces with so large a share of the teachers' answers in their targets.

    An answer is the mean of the probabilities that the teachers give for a face and for its mirror image. They are
    asked once, of the faces as they are: to ask them of every augmented face costs as much as learning does.
    """
    if not teachers:
        return faces
    print(f"asking the teachers about {len(faces)} faces", flush=True)
    both = (faces.images, faces.images[:, :, ::-1])
    answers = np.mean([softmax(keras_logits(teacher, images)) for teacher in teachers for images in both], axis=0)
    return replace(faces, votes=(1 - share) * faces.targets + share * answers)


def first_values(logged: dict[str, list[float]]) -> dict[str, float]:
    """Loss and accuracy of an epoch, whatever Keras calls them where there are two outputs."""
    accuracy = next(values for name, values in logged.items() if name.endswith("accuracy"))
    return {"loss": float(logged["loss"][0]), "accuracy": float(accuracy[0])}


def warn_of_missing(train: Faces) -> None:
    """Say which expressions no training face wears."""
    missing = [label for index, label in enumerate(LABELS) if index not in train.labels]
    if missing:
        print(f"There is no training face for {', '.join(missing)}: the network will not learn to name that.")


def prepared(faces: Faces, recipe: Recipe) -> Faces:
    """The faces as the recipe's network wants them."""
    return replace(faces, images=recipe.prepare(faces.images))


def validated(logits: NDArray[np.float32], targets: NDArray[np.float32]) -> dict[str, float]:
    """Accuracy against the likeliest target, and mean cross-entropy in nats."""
    named_right = logits.argmax(axis=1) == targets.argmax(axis=1)
    loss = -(targets * np.log(softmax(logits) + 1e-7)).sum(axis=1)
    return {"val_accuracy": float(named_right.mean()), "val_loss": float(loss.mean())}


def begin(run: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """Make the run folder, or check that it belongs to a run with the same settings; the settings and the precision.

    A run keeps its precision, a Keras dtype policy, also where it goes on on another machine.
    """
    run.mkdir(parents=True, exist_ok=True)
    path = run / "recipe.json"
    fresh = settings | {"precision": fastest_precision()}
    kept = read_json(path, fresh) if (run / "checkpoint.keras").exists() else fresh
    if {name: value for name, value in kept.items() if name != "precision"} != settings:
        raise InputError(f"{run} holds a run with other settings: choose another --out, or remove it.")
    write_json(path, kept)
    return dict(kept)


def fastest_precision() -> str:
    """bfloat16 where there are units for it that the backend uses; elsewhere float32 is faster.

    These are a GPU, AMX in a CPU, or on torch AVX-512's bfloat16 (on TensorFlow that was slower than float32).
    """
    flags = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").exists() else ""
    device = str(keras.ops.zeros(1).device).lower()  # each backend has its own name for a GPU
    on_cpu = "amx_bf16" in flags or ("avx512_bf16" in flags and keras.backend.backend() == "torch")
    return "mixed_bfloat16" if on_cpu or "gpu" in device or "cuda" in device else "float32"


def spread_over_devices() -> None:
    """Let several accelerators share each batch. Of the backends only jax does that without code of its own."""
    if keras.backend.backend() == "jax" and len(keras.distribution.list_devices()) > 1:
        keras.distribution.set_distribution(keras.distribution.DataParallel(auto_shard_dataset=False))


def resume(run: Path) -> keras.Model | None:
    """The network as it was after its last whole epoch, optimiser and all."""
    path = run / "checkpoint.keras"
    return keras.saving.load_model(path) if path.exists() else None
