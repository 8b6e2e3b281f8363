"""Metrics of one trained network on one split, in every view of the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.expression import EVEN_PRIOR, Prior
from mien.vision.classifier import evidence
from mien.vision.model_file import View
from mien_training.data.fer2013 import Faces
from mien_training.evaluation.balanced_recall import balanced_recall
from mien_training.evaluation.metrics import (
    balanced_weights,
    class_prior,
    fit_temperature,
    metrics,
    metrics_by_prior,
    reliability,
)
from mien_training.evaluation.trained_model import TrainedModel


@dataclass(frozen=True, slots=True)
class Scaling:
    """What turns logits into decisions: the prior that they contain, and the temperature of each documented prior."""

    class_prior: Prior
    temperature: float
    even_temperature: float


def measure(trained: TrainedModel, faces: Faces, validation: Faces | None) -> dict[str, Any]:
    """Return metrics and reliability by view, before and after temperature scaling, and metrics by prior.

    All metrics are under the data's prior, but those of `priors`.
    validation: PublicTest, on which the scaling of a network without a contract is fitted, with the labels of the
    view that it learned; None if the data lack it: then nothing is scaled, and there is no other prior.
    """
    logits = trained.predict(faces.images)
    scaling = None
    if trained.contract is not None:
        contract = trained.contract
        scaling = Scaling(contract.class_prior, contract.temperature, contract.even_temperature)
    elif validation is not None:
        validation_logits = logits if validation is faces else trained.predict(validation.images)
        scaling = _fit_scaling(validation_logits, validation, trained.view)
    return {
        "temperature": None if scaling is None else scaling.temperature,
        "views": {view: _view_metrics(*select_view(logits, faces, view), scaling) for view in available_views(faces)},
    }


def _fit_scaling(logits: NDArray[np.float32], validation: Faces, view: View) -> Scaling:
    """Return the scaling of a network without a contract; its prior is taken to be that of the validation faces."""
    prior = class_prior(validation.view(view).targets)
    logits, labels = select_view(logits, validation, view)
    even = fit_temperature(evidence(logits, prior), labels, balanced_weights(labels))
    return Scaling(prior, fit_temperature(logits, labels), even)


def measure_set(trained: TrainedModel, faces: Faces) -> dict[str, Any]:
    """Return how faces of any origin are named under an even prior: `balanced_recall` of their evidence.

    A network without a contract has no recorded prior: its logits are taken as they are.
    """
    logits = trained.predict(faces.images)
    prior = EVEN_PRIOR if trained.contract is None else trained.contract.class_prior
    return balanced_recall(evidence(logits, prior).argmax(axis=1), faces.labels)


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


def _view_metrics(logits: NDArray[np.float32], labels: NDArray[np.int64], scaling: Scaling | None) -> dict[str, Any]:
    figures = metrics(logits, labels) | {"unscaled": reliability(logits, labels)}
    if scaling is None:
        return figures
    scaled = reliability(logits / scaling.temperature, labels)
    by_prior = metrics_by_prior(logits, labels, scaling.class_prior, scaling.temperature, scaling.even_temperature)
    return figures | {"scaled": scaled, "priors": by_prior}
