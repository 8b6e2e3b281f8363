"""A recipe's network while it learns: compiled, with a second output where it learns two views, and its teachers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from mien.errors import InputError
from mien.expression import LABELS
from mien.vision.model_file import View
from mien_training.files import read_json
from mien_training.muon import Muon
from mien_training.networks.mirror_tying import is_mirrored
from mien_training.networks.torch_layers import quicker
from mien_training.recipes import RECIPES, Recipe
from mien_training.report.tables import VIEWS

_UNDECAYED = ["gamma", "beta", "bias"]  # to shrink these regularises nothing (He et al. 2019, arXiv:1812.01187)


def compiled(recipe: Recipe, steps: int, *, beside: bool = False, start: Path | None = None) -> keras.Model:
    """The recipe's network, new or with the weights of a finished run; losses, optimiser, schedule for so many steps.

    beside: with a second output, for the labels of the other view.
    """
    network = (recipe.learner or recipe.network)()
    if start is not None:
        if recipe.learner is not None:
            raise InputError(f"{recipe.name} learns as another network than a finished run holds: leave out --start.")
        try:
            network.load_weights(start / "best.weights.h5")
        except ValueError:
            raise InputError(f"{start} has another network than {recipe.name}: start from a run of its kind.") from None
        if recipe.mirrored and not is_mirrored(network):
            raise InputError(f"{start} learned without mirrored pairs: start {recipe.name} from a run of its kind.")
    if beside:
        other = keras.layers.Dense(len(LABELS), dtype="float32", name="beside")(network.layers[-1].input)
        network = keras.Model(network.inputs, [*network.outputs, other], name=recipe.name)
    learner = quicker(network)
    learner.compile(
        optimizer(recipe, steps),
        [keras.losses.CategoricalCrossentropy(from_logits=True) for _ in learner.outputs],
        loss_weights=[1.0, recipe.beside][: len(learner.outputs)],
        metrics=[["accuracy"], []] if beside else ["accuracy"],
    )
    return learner


def optimizer(recipe: Recipe, steps: int) -> keras.optimizers.Optimizer:
    """The recipe's optimiser, warmed up and brought to rest along a cosine within so many steps."""
    warmup = min(steps // 2, recipe.warmup * max(1, steps // recipe.epochs))
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, steps - warmup, warmup_target=recipe.learning_rate, warmup_steps=warmup
    )
    if recipe.optimizer == "adamw":
        return keras.optimizers.AdamW(schedule, weight_decay=recipe.weight_decay)
    made = Muon(schedule, weight_decay=recipe.weight_decay, adam_weight_decay=recipe.weight_decay)
    made.exclude_from_weight_decay(var_names=_UNDECAYED)
    return made


def naming(learner: keras.Model) -> keras.Model:
    """The part of it that names expressions: without the second output."""
    return learner if len(learner.outputs) == 1 else keras.Model(learner.inputs, learner.outputs[0], name=learner.name)


def load_teacher(run: Path) -> keras.Model:
    """The best network of a run, to teach with, in the precision of the present one."""
    name = read_json(run / "recipe.json", {}).get("recipe")
    if name not in RECIPES or not (run / "best.weights.h5").is_file():
        raise InputError(f"{run} holds no run to learn from: give the folder of one of mien-train fit.")
    network = RECIPES[name].network()
    try:
        network.load_weights(run / "best.weights.h5")
    except ValueError:
        raise InputError(f"{run} has another network than {name} has now: train it anew.") from None
    return quicker(network)


def check_teachers(teachers: Sequence[Path], view: View) -> None:
    """Raise InputError for a run that learned the labels of another view: its answers would be wrong targets here."""
    for run in teachers:
        learned = read_json(run / "recipe.json", {}).get("view", view)
        if learned != view:
            raise InputError(
                f"{run} learned {VIEWS.get(str(learned), learned)}'s labels, which this run does not learn: "
                f"choose a teacher for {VIEWS[view]}'s."
            )


def reseed(learner: keras.Model, seed: int, epoch: int) -> None:
    """Give every dropout layer a generator state that depends on nothing but its place, the seed and the epoch."""
    for place, layer in enumerate(learner.layers):
        if isinstance(layer, keras.layers.Dropout) and layer.rate > 0:
            layer.seed_generator.state.assign(np.array([seed * 1000 + place, epoch]))
