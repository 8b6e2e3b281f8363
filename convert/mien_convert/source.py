"""Load the networks that can be converted: a training run, a .keras or .h5 file, or a SavedModel folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from mien.errors import InputError, ModelError
from mien.vision.model_file import View
from mien_convert.batch_norm_folding import fold_batch_norm
from mien_convert.keras_file import load_keras
from mien_convert.saved_model import load_saved_model
from mien_training.networks import mirror_layers  # noqa: F401  # Keras finds our own layers once they are imported
from mien_training.run_folder import read_run

Function = Callable[[Any], Any]
"""A float32 tensor (count, height, width, channels) -> a float32 tensor (count, outputs)."""


@dataclass(frozen=True, slots=True)
class Source:
    """A trained network as it was loaded.

    call: the network. folded: the same function, in the form that quantises best.
    input_shape: height, width, channels. batch: 1 if it takes one image at a time; None: any number at once.
    recipe, data: its origin, for people. view: the labels that it was trained on. crop_margin: measured in training.
    The last two are None for a network that is not a training run.
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
    """Load a network. Raises InputError if the path holds none, ModelError if it is damaged or unsuitable."""
    if path.name == "saved_model.pb":
        path = path.parent
    if path.is_file():
        return _from_keras(load_keras(path), path.name, "not recorded")
    if (path / "saved_model.pb").is_file():
        return _from_saved_model(path)
    if (path / "recipe.json").is_file():
        return _from_run(path)
    what = "is an empty folder" if path.is_dir() and not any(path.iterdir()) else "does not hold a network"
    raise InputError(f"{path} {what}: give a .keras or .h5 file, a SavedModel folder or a run of mien-train.")


def _from_run(folder: Path) -> Source:
    run = read_run(folder)
    return _from_keras(load_keras(folder / "model.keras"), run.recipe, run.data, run.view, run.crop_margin)


def _from_keras(
    network: keras.Model, recipe: str, data: str, view: View | None = None, margin: float | None = None
) -> Source:
    if len(getattr(network, "inputs", None) or []) != 1 or len(network.outputs or []) != 1:
        raise ModelError("The network must have one input and one output: give its single-image form.")
    input_shape, output_shape = list(network.inputs[0].shape[1:]), list(network.outputs[0].shape[1:])
    folded = fold_batch_norm(network)
    return Source(
        call=lambda images: tf.cast(network(images, training=False), tf.float32),
        folded=lambda images: tf.cast(folded(images, training=False), tf.float32),
        input_shape=_image_shape(input_shape),
        outputs=_output_count(output_shape),
        batch=_batch_size(network.inputs[0].shape[0]),
        recipe=recipe,
        data=data,
        view=view,
        crop_margin=margin,
    )


def _from_saved_model(path: Path) -> Source:
    network = load_saved_model(path)
    if network.input_shape is None or network.output_shape is None:
        raise ModelError("The network's input or output has no fixed shape: save it for images of one size.")
    return Source(
        call=network.call,
        folded=network.call,
        input_shape=_image_shape(network.input_shape[1:]),
        outputs=_output_count(network.output_shape[1:]),
        batch=_batch_size(network.input_shape[0]),
        recipe=path.name,
        data="not recorded",
        view=None,
        crop_margin=None,
    )


def _batch_size(size: int | None) -> int | None:
    if size not in (None, 1):
        raise ModelError(f"The network takes {size} images at once: give its single-image form.")
    return size


def _image_shape(shape: list[Any]) -> tuple[int, int, int]:
    if len(shape) != 3 or not all(isinstance(side, int) for side in shape) or shape[2] not in (1, 3):
        raise ModelError(
            f"The network's input {tuple(shape)} is not an image of a fixed size with 1 or 3 channels last."
        )
    return shape[0], shape[1], shape[2]


def _output_count(shape: list[Any]) -> int:
    if len(shape) != 1 or not isinstance(shape[0], int):
        raise ModelError(f"The network's output {tuple(shape)} is not one number per expression.")
    return shape[0]
