"""The network during training: compiled, with an auxiliary output where it learns two views, and its teachers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from mien.errors import InputError
from mien.expression import LABELS
from mien.vision.model_file import View
from mien_training.data.labels import VIEW_NAMES
from mien_training.files import read_json
from mien_training.muon import Muon
from mien_training.networks.mirror_tying import is_mirrored
from mien_training.networks.torch_layers import use_torch_layers
from mien_training.recipes import RECIPES, Recipe

_NO_WEIGHT_DECAY = ["gamma", "beta", "bias"]  # their decay does not regularise (He et al. 2019, arXiv:1812.01187)


def build_learner(recipe: Recipe, steps: int, *, auxiliary: bool = False, start: Path | None = None) -> keras.Model:
    """Build and compile the recipe's network for training.

    steps: of the whole training, for the learning rate schedule. auxiliary: add an output for the labels of the other
    view. start: a finished run whose weights to start with. Raises InputError where these do not fit the recipe.
    """
    network = (recipe.learner or recipe.network)()
    if start is not None:
        _load_start(network, recipe, start)
    if auxiliary:
        other = keras.layers.Dense(len(LABELS), dtype="float32", name="auxiliary")(network.layers[-1].input)
        network = keras.Model(network.inputs, [*network.outputs, other], name=recipe.name)
    learner = use_torch_layers(network)
    learner.compile(
        build_optimizer(recipe, steps),
        [keras.losses.CategoricalCrossentropy(from_logits=True) for _ in learner.outputs],
        loss_weights=[1.0, recipe.auxiliary][: len(learner.outputs)],
        metrics=[["accuracy"], []] if auxiliary else ["accuracy"],
    )
    return learner


def _load_start(network: keras.Model, recipe: Recipe, start: Path) -> None:
    if recipe.learner is not None:
        raise InputError(f"{recipe.name} trains another network than a finished run holds: leave out --start.")
    try:
        network.load_weights(start / "best.weights.h5")
    except ValueError:
        raise InputError(
            f"{start} has another network than {recipe.name}: start from a run of the same recipe."
        ) from None
    if recipe.mirrored and not is_mirrored(network):
        raise InputError(
            f"{start} was trained without mirrored pairs: start {recipe.name} from a run of the same recipe."
        )


def build_optimizer(recipe: Recipe, steps: int) -> keras.optimizers.Optimizer:
    """Build the recipe's optimiser with linear warm-up and cosine decay to zero within this number of steps."""
    warmup = min(steps // 2, recipe.warmup * max(1, steps // recipe.epochs))
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, steps - warmup, warmup_target=recipe.learning_rate, warmup_steps=warmup
    )
    if recipe.optimizer == "adamw":
        return keras.optimizers.AdamW(schedule, weight_decay=recipe.weight_decay)
    muon = Muon(schedule, weight_decay=recipe.weight_decay, adam_weight_decay=recipe.weight_decay)
    muon.exclude_from_weight_decay(var_names=_NO_WEIGHT_DECAY)
    return muon


def inference_model(learner: keras.Model) -> keras.Model:
    """Return the learner without its auxiliary output."""
    return learner if len(learner.outputs) == 1 else keras.Model(learner.inputs, learner.outputs[0], name=learner.name)


def load_teacher(run: Path) -> keras.Model:
    """Load the best network of a run, in the precision of the present one.

    Raises InputError for a folder without a run, and for weights of another network.
    """
    name = read_json(run / "recipe.json", {}).get("recipe")
    if name not in RECIPES or not (run / "best.weights.h5").is_file():
        raise InputError(f"{run} does not hold a run to learn from: give the folder of one of mien-train fit.")
    network = RECIPES[name].network()
    try:
        network.load_weights(run / "best.weights.h5")
    except ValueError:
        raise InputError(f"{run} has another network than {name} has now: train it again.") from None
    return use_torch_layers(network)


def check_teachers(teachers: Sequence[Path], view: View) -> None:
    """Raise InputError for a run that learned the labels of another view: its predictions would be wrong targets."""
    for run in teachers:
        learned = read_json(run / "recipe.json", {}).get("view", view)
        if learned != view:
            raise InputError(
                f"{run} learned {VIEW_NAMES.get(learned, learned)}'s labels, which this run does not learn: "
                f"choose a teacher for {VIEW_NAMES[view]}'s."
            )


def seed_dropout(learner: keras.Model, seed: int, epoch: int) -> None:
    """Set the generator state of every dropout layer from its position, the seed and the epoch alone."""
    for position, layer in enumerate(learner.layers):
        if isinstance(layer, keras.layers.Dropout) and layer.rate > 0:
            layer.seed_generator.state.assign(np.array([seed * 1000 + position, epoch]))
