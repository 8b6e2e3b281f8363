"""Loading a trained network from any of its forms: a run, a .keras file or a model file of the device."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import keras
import numpy as np

from mien.errors import InputError, ModelError
from mien.expression import LABELS
from mien.vision import model_file
from mien.vision.classifier import Classifier
from mien.vision.crop import INPUT_SIDE
from mien.vision.model_file import Contract, View
from mien_training.evaluation import cost
from mien_training.evaluation.cost import Cost
from mien_training.evaluation.predict import Predict, keras_predictor
from mien_training.recipes import RECIPES
from mien_training.run_folder import FinishedRun, read_run


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A network that can be measured, with its records.

    kind: "keras", or the mode of a model file. recipe: a description; empty where it is not recorded. view: whose
    labels it learned. contract: a model file's. crop_margin: share of the face box. digest:
    SHA-256 of a model file's network. history: a run's epochs.
    """

    name: str
    kind: str
    predict: Predict
    cost: Cost
    recipe: str = ""
    view: View = "fer2013"
    contract: Contract | None = None
    crop_margin: float = 0.0
    digest: str = ""
    history: list[dict[str, float]] = field(default_factory=list)


def open_trained_model(path: Path) -> TrainedModel:
    """Load a network. Raises InputError for a missing one, ModelError for one that is damaged or has another shape."""
    if path.is_dir():
        return _from_keras(path / "model.keras", path.resolve().name, read_run(path))
    if not path.is_file():
        raise InputError(f"{path} is not there: give a run of mien-train, a .keras or a .tflite file.")
    if path.suffix == ".tflite":
        return _from_model_file(path)
    of_run = path.name == "model.keras" and (path.parent / "recipe.json").is_file()
    return _from_keras(path, path.name, read_run(path.parent) if of_run else None)


def _from_model_file(path: Path) -> TrainedModel:
    flatbuffer, contract = model_file.read(path)
    classifier = Classifier.load(path)
    return TrainedModel(
        name=path.name,
        kind=contract.mode,
        predict=lambda images: np.stack([classifier.logits(image) for image in images]),
        cost=cost.of_tflite(flatbuffer),
        recipe=contract.recipe,
        view=contract.view,
        contract=contract,
        crop_margin=contract.crop_margin,
        digest=contract.network_sha256,
    )


def _from_keras(path: Path, name: str, run: FinishedRun | None) -> TrainedModel:
    try:
        model = keras.saving.load_model(path, compile=False)
    except Exception:  # the loaders raise almost anything, and their messages are dumps of configurations
        raise ModelError(
            f"{path} is not a network that Keras 3 loads: try mien-convert quantize, which takes more kinds and gives "
            "the cause, and measure its model file."
        ) from None
    shapes = tuple(model.input_shape)[1:], tuple(model.output_shape)[1:]
    if shapes != ((INPUT_SIDE, INPUT_SIDE, 1), (len(LABELS),)):
        raise ModelError(
            f"{path} has input and output shapes {shapes[0]} and {shapes[1]}: convert it with mien-convert quantize."
        )
    trained = TrainedModel(name, "keras", keras_predictor(model, RECIPES.get(model.name)), cost.of_keras(model))
    if run is None:
        return trained
    return replace(trained, recipe=run.recipe, view=run.view, crop_margin=run.crop_margin, history=run.history)
