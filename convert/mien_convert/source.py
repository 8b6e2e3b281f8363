"""What can be converted: a training run, a .keras or .h5 file, or a SavedModel folder, each as one function."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from mien.errors import InputError, ModelError
from mien.vision.model_file import View
from mien.vision.native_stderr import suppress_native_stderr
from mien_convert.fold import fold
from mien_training.networks import mirror_layers  # noqa: F401  # Keras finds our own layers once they are imported
from mien_training.run_folder import read_run

Function = Callable[[Any], Any]
"""A float32 tensor (count, height, width, channels) -> a float32 tensor (count, outputs)."""

_KERAS_SUFFIXES = (".keras", ".h5", ".hdf5")


@dataclass(frozen=True, slots=True)
class Source:
    """A trained network as it was found.

    call: the network. folded: the same function, in the form that quantises best.
    input_shape: height, width, channels. batch: 1 if it takes one picture at a time; None: any number at once.
    recipe, data: where it comes from, in words. view: whose labels it learned. crop_margin: measured in training.
    The last two are None where no training run says so.
    """

    call: Function
    folded: Function
    input_shape: tuple[int, int, int]
    outputs: int
    batch: int | None
    recipe: str
    data: str
    view: View | None
    crop_margin: float | None


def open_source(path: Path) -> Source:
    """Load a network. Raises InputError where there is none, ModelError for one that is damaged or of another kind."""
    if path.is_file() and path.suffix.lower() in _KERAS_SUFFIXES:
        return _from_keras(_load(path), path.name, "not recorded")
    if (path / "saved_model.pb").is_file():
        return _from_saved_model(path)
    if (path / "recipe.json").is_file():
        return _from_run(path)
    raise InputError(f"{path} is no network: give a .keras or .h5 file, a SavedModel folder or a run of mien-train.")


def _from_run(run: Path) -> Source:
    said = read_run(run)
    return _from_keras(_load(run / "model.keras"), said.recipe, said.data, said.view, said.crop_margin)


def _load(path: Path) -> keras.Model:
    try:
        with suppress_native_stderr(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of optimiser states and old formats, which do not matter here
            return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # the loaders raise whatever a damaged file makes them trip over
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200].rstrip(".")
        raise ModelError(f"{path} cannot be loaded by Keras ({reason}): save it again as .keras.") from None


def _from_keras(
    network: keras.Model, recipe: str, data: str, view: View | None = None, margin: float | None = None
) -> Source:
    if len(getattr(network, "inputs", None) or []) != 1 or len(network.outputs or []) != 1:
        raise ModelError("The network must have one input and one output: give its single-picture form.")
    shape, outputs = list(network.inputs[0].shape[1:]), list(network.outputs[0].shape[1:])
    folded = fold(network)
    return Source(
        call=lambda images: tf.cast(network(images, training=False), tf.float32),
        folded=lambda images: tf.cast(folded(images, training=False), tf.float32),
        input_shape=_picture(shape),
        outputs=_width(outputs),
        batch=_batch(network.inputs[0].shape[0]),
        recipe=recipe,
        data=data,
        view=view,
        crop_margin=margin,
    )


def _from_saved_model(path: Path) -> Source:
    try:
        with suppress_native_stderr():
            loaded = tf.saved_model.load(str(path))
        signature = loaded.signatures["serving_default"]
    except Exception as error:  # as in _load
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200].rstrip(".")
        raise ModelError(f"{path} is no SavedModel with a serving_default signature ({reason}).") from None
    given, answers = signature.structured_input_signature[1], signature.structured_outputs
    if len(given) != 1 or len(answers) != 1:
        raise ModelError("The network must have one input and one output: give its single-picture form.")
    [(argument, spec)], [(answer, width)] = given.items(), answers.items()

    def call(images: Any, keep: Any = loaded) -> Any:  # noqa: ARG001  # its variables live as long as it does
        return tf.cast(signature(**{argument: tf.cast(images, spec.dtype)})[answer], tf.float32)

    return Source(
        call=call,
        folded=call,
        input_shape=_picture(list(spec.shape[1:])),
        outputs=_width(list(width.shape[1:])),
        batch=_batch(spec.shape[0]),
        recipe=path.name,
        data="not recorded",
        view=None,
        crop_margin=None,
    )


def _batch(size: int | None) -> int | None:
    if size not in (None, 1):
        raise ModelError(f"The network takes {size} pictures at once: give its single-picture form.")
    return size


def _picture(shape: list[Any]) -> tuple[int, int, int]:
    if len(shape) != 3 or not all(isinstance(side, int) for side in shape) or shape[2] not in (1, 3):
        raise ModelError(f"The network's input {tuple(shape)} is no picture of a fixed size with 1 or 3 channels last.")
    return shape[0], shape[1], shape[2]


def _width(shape: list[Any]) -> int:
    if len(shape) != 1 or not isinstance(shape[0], int):
        raise ModelError(f"The network's output {tuple(shape)} is not one number an expression.")
    return shape[0]
