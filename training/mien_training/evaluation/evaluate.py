"""Metrics of one trained network on one split, in every view of the data."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.expression import EVEN_PRIOR
from mien.vision.classifier import evidence
from mien.vision.model_file import View
from mien_training.data.fer2013 import Faces
from mien_training.evaluation.balanced_recall import balanced_recall
from mien_training.evaluation.metrics import fit_temperature, metrics, reliability
from mien_training.evaluation.trained_model import TrainedModel


def measure(trained: TrainedModel, faces: Faces, validation: Faces | None) -> dict[str, Any]:
    """Return metrics and reliability by view, before and after temperature scaling.

    validation: PublicTest, on which the temperature of a network without a contract is fitted, with the labels of the
    view that it learned; None if the data lack it: then nothing is scaled.
    """
    logits = trained.predict(faces.images)
    temperature = trained.temperature
    if temperature is None and validation is not None:
        validation_logits = logits if validation is faces else trained.predict(validation.images)
        temperature = fit_temperature(*select_view(validation_logits, validation, trained.view))
    return {
        "temperature": temperature,
        "views": {
            view: _view_metrics(*select_view(logits, faces, view), temperature) for view in available_views(faces)
        },
    }


def measure_set(trained: TrainedModel, faces: Faces) -> dict[str, Any]:
    """Return how faces of any origin are named under an even prior: `balanced_recall` of their evidence.

    A network without a contract has no recorded prior: its logits are taken as they are.
    """
    logits = trained.predict(faces.images)
    return balanced_recall(evidence(logits, trained.class_prior or EVEN_PRIOR).argmax(axis=1), faces.labels)


def available_views(faces: Faces) -> tuple[View, ...]:
    """Return the views of the data: FER2013's labels and, with votes, FER+'s majority."""
    return ("fer2013",) if faces.votes is None else ("fer2013", "ferplus")


def primary_view(trained: TrainedModel, faces: Faces) -> View:
    """Return the view whose labels the network learned, if the data have it, else FER2013's."""
    return trained.view if trained.view in available_views(faces) else "fer2013"


def select_view(logits: NDArray[np.float32], faces: Faces, view: View) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the logits of the faces in a view, and their labels in it."""
    kept = logits[faces.rated] if view == "ferplus" else logits
    return kept, faces.view(view).labels


def _view_metrics(logits: NDArray[np.float32], labels: NDArray[np.int64], temperature: float | None) -> dict[str, Any]:
    figures = metrics(logits, labels) | {"unscaled": reliability(logits, labels)}
    return figures if temperature is None else figures | {"scaled": reliability(logits / temperature, labels)}
