"""Train a recipe. Reads from top to bottom: data, network, schedule, loop, best weights, report.

A run folder holds recipe.json, checkpoint.keras (everything needed to go on), history.json, and at the end
model.keras (the best weights, in float32), metrics.json and pictures. A run that was killed at any moment goes on
from its last whole epoch and ends like an unbroken one: each epoch draws its randomness from (seed, epoch) alone.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from mien.errors import InputError
from mien.expression import LABELS
from mien_training import datasets
from mien_training.augment import augment
from mien_training.datasets import Faces
from mien_training.evaluate import metrics, softmax
from mien_training.files import digest, read_json, save_whole, write_json
from mien_training.framing import best_margin
from mien_training.plots import save_confusion, save_curves
from mien_training.predict import keras_logits, keras_predictor
from mien_training.recipes import RECIPES, Recipe

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
    teacher: Path | None = None,
) -> dict[str, Any]:
    """Train into the folder `run`, or go on with it, and return its metrics.

    limit: use only so many faces of each split, for a quick try.
    start: the folder of a finished run with the same network, whose weights to begin with.
    teacher: the folder of a finished run, whose network's answers become part of the targets.
    """
    read = {split: datasets.read(data, split)[:limit] for split in ("Training", "PublicTest")}
    train, validation = (faces.view(recipe.view) for faces in read.values())
    repeats = datasets.repeated(train, validation)
    warn_of_missing(train)
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
            "teacher": None if teacher is None else digest(teacher / "best.weights.h5"),
        },
    )

    learned, judged = prepared(train, recipe), prepared(validation, recipe)
    keras.utils.set_random_seed(seed)
    keras.mixed_precision.set_global_policy(settings["precision"])
    spread_over_devices()
    master = None if teacher is None else graduate(teacher)
    network = resume(run) or compiled(recipe, epochs * batches(train, recipe), start)
    done = int(network.optimizer.iterations) // batches(train, recipe)
    history: History = read_json(run / "history.json", [])[:done]

    for epoch in range(done, epochs):
        reseed(network, seed, epoch)
        log = network.fit(
            Batches(learned, recipe, master, (seed, epoch)),
            epochs=epoch + 1,
            initial_epoch=epoch,
            shuffle=False,
        )
        seen = validated(keras_logits(network, judged.images), judged.targets)
        history.append({name: float(values[0]) for name, values in log.history.items()} | seen)
        print(f"validation: accuracy {seen['val_accuracy']:.4f}, loss {seen['val_loss']:.4f}", flush=True)
        if history[-1]["val_accuracy"] >= max(row["val_accuracy"] for row in history):
            save_whole(run / "best.weights.h5", network.save_weights)
        write_json(run / "history.json", history)
        save_whole(run / "checkpoint.keras", network.save)

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


def lift_rare(model: keras.Model, targets: NDArray[np.float32], strength: float) -> None:
    """Shift the last layer's biases in favour of the rarer expressions, by strength * -log of their frequency."""
    bias = model.layers[-1].bias
    bias.assign(np.asarray(bias) - strength * np.log(targets.mean(axis=0) + 1e-6))


class Batches(keras.utils.PyDataset):  # type: ignore[misc]  # Keras ships no types
    """One epoch of augmented training faces, with the teacher's answers to them, in an order drawn from the key."""

    def __init__(self, faces: Faces, recipe: Recipe, teacher: keras.Model | None, key: tuple[int, int]) -> None:
        super().__init__()
        self.faces, self.recipe, self.teacher, self.key = faces, recipe, teacher, key
        self.targets = faces.targets
        self.order = shown(self.targets, recipe.balance, np.random.default_rng(key))

    def __len__(self) -> int:
        return batches(self.faces, self.recipe)

    def __getitem__(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        chosen = self.order[index * self.recipe.batch : (index + 1) * self.recipe.batch]
        rng = np.random.default_rng((*self.key, index))
        images = augment(self.faces.images[chosen], self.recipe.augmentation, rng)
        if self.teacher is None:
            return images, self.targets[chosen]
        answers = softmax(self.teacher.predict_on_batch(images))
        return images, (1 - self.recipe.taught) * self.targets[chosen] + self.recipe.taught * answers


def shown(targets: NDArray[np.float32], balance: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """Which faces an epoch shows, in random order: as many as there are, those of rare expressions more often.

    A face's chance falls with how often its expressions occur, to the power of `balance`; the draw is systematic, so
    that each face comes as often as its chance says, to within one.
    """
    chance = targets @ np.maximum(targets.mean(axis=0), 1e-6) ** -balance
    order = rng.permutation(len(targets))
    ends = np.cumsum((chance / chance.sum() * len(targets))[order])
    picked = np.searchsorted(ends, np.arange(len(targets)) + rng.uniform(), side="right")
    return rng.permutation(order[np.minimum(picked, len(targets) - 1)])


def warn_of_missing(train: Faces) -> None:
    """Say which expressions no training face wears."""
    missing = [label for index, label in enumerate(LABELS) if index not in train.labels]
    if missing:
        print(f"There is no training face for {', '.join(missing)}: the network will not learn to name that.")


def prepared(faces: Faces, recipe: Recipe) -> Faces:
    """The faces as the recipe's network wants them."""
    return replace(faces, images=recipe.prepare(faces.images))


def batches(faces: Faces, recipe: Recipe) -> int:
    """How many batches an epoch has; all are whole, so that devices can share them."""
    return max(1, len(faces) // recipe.batch)


def validated(logits: NDArray[np.float32], targets: NDArray[np.float32]) -> dict[str, float]:
    """Accuracy against the likeliest target, and mean cross-entropy in nats."""
    named_right = logits.argmax(axis=1) == targets.argmax(axis=1)
    loss = -(targets * np.log(softmax(logits) + 1e-7)).sum(axis=1)
    return {"val_accuracy": float(named_right.mean()), "val_loss": float(loss.mean())}


def compiled(recipe: Recipe, steps: int, start: Path | None = None) -> keras.Model:
    """The recipe's network, new or with the weights of a finished run; loss, optimiser, schedule for so many steps."""
    warmup = min(steps // 2, recipe.warmup * max(1, steps // recipe.epochs))
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, steps - warmup, warmup_target=recipe.learning_rate, warmup_steps=warmup
    )
    network = recipe.network()
    if start is not None:
        try:
            network.load_weights(start / "best.weights.h5")
        except ValueError:
            raise InputError(f"{start} has another network than {recipe.name}: start from a run of its kind.") from None
    network.compile(
        keras.optimizers.AdamW(schedule, weight_decay=recipe.weight_decay),
        keras.losses.CategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return network


def graduate(run: Path) -> keras.Model:
    """The network of a finished run, to teach with, in the precision of the present one."""
    name = read_json(run / "recipe.json", {}).get("recipe")
    if name not in RECIPES or not (run / "model.keras").is_file():
        raise InputError(f"{run} holds no finished run to learn from: let mien-train fit come to its end there.")
    network = RECIPES[name].network()
    network.load_weights(run / "best.weights.h5")
    return network


def reseed(network: keras.Model, seed: int, epoch: int) -> None:
    """Give every dropout layer a generator state that depends on nothing but its place, the seed and the epoch."""
    for place, layer in enumerate(network.layers):
        if isinstance(layer, keras.layers.Dropout) and layer.rate > 0:
            layer.seed_generator.state.assign(np.array([seed * 1000 + place, epoch]))


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
    """bfloat16 where there are units for its matrices (a GPU, or AMX in a CPU); elsewhere float32 is faster."""
    flags = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").exists() else ""
    device = str(keras.ops.zeros(1).device).lower()  # each backend has its own name for a GPU
    return "mixed_bfloat16" if "amx_bf16" in flags or "gpu" in device or "cuda" in device else "float32"


def spread_over_devices() -> None:
    """Let several accelerators share each batch. Of the backends only jax does that without code of its own."""
    if keras.backend.backend() == "jax" and len(keras.distribution.list_devices()) > 1:
        keras.distribution.set_distribution(keras.distribution.DataParallel(auto_shard_dataset=False))


def resume(run: Path) -> keras.Model | None:
    """The network as it was after its last whole epoch, optimiser and all."""
    path = run / "checkpoint.keras"
    return keras.saving.load_model(path) if path.exists() else None
