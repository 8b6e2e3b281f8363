"""The figures of one trained network on one split, in every view that the data have."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.vision.model_file import View
from mien_training.data.fer2013 import Faces
from mien_training.evaluation.metrics import fit_temperature, metrics, reliability
from mien_training.evaluation.trained_model import Trained


def measure(trained: Trained, faces: Faces, validation: Faces | None) -> dict[str, Any]:
    """Metrics and reliability by view, before and after temperature scaling.

    validation: PublicTest, on which the temperature of a network without a contract is fitted, by the labels that it
    learned; None if the data lack it: then nothing is scaled.
    """
    logits = trained.predict(faces.images)
    temperature = trained.temperature
    if temperature is None and validation is not None:
        known = logits if validation is faces else trained.predict(validation.images)
        seen, labels = in_view(known, validation, trained.view)
        temperature = fit_temperature(seen, labels)
    return {
        "temperature": temperature,
        "views": {view: _figures(*in_view(logits, faces, view), temperature) for view in views(faces)},
    }


def views(faces: Faces) -> tuple[View, ...]:
    """FER2013's labels, and FER+'s majority where there are votes."""
    return ("fer2013",) if faces.votes is None else ("fer2013", "ferplus")


def own_view(trained: Trained, faces: Faces) -> View:
    """The view whose labels the network learned, if the data have it."""
    return trained.view if trained.view in views(faces) else "fer2013"


def in_view(logits: NDArray[np.float32], faces: Faces, view: View) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The logits of the faces that a view keeps, and the labels that it gives them."""
    kept = logits[faces.rated] if view == "ferplus" else logits
    return kept, faces.view(view).labels


def _figures(logits: NDArray[np.float32], labels: NDArray[np.int64], temperature: float | None) -> dict[str, Any]:
    found = metrics(logits, labels) | {"unscaled": reliability(logits, labels)}
    return found if temperature is None else found | {"scaled": reliability(logits / temperature, labels)}
