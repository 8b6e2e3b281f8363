"""What a network is worth, from its logits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.expression import LABELS

BINS = 15
"""Equal-width bins of the highest probability, as in Guo et al. 2017 (arXiv:1706.04599), table 1."""


def metrics(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> dict[str, Any]:
    """Accuracy, means over the classes present, a row a class, and counts by [true][named].

    logits: float32 (count, 7), count at least 1. labels: int64 (count,). The mean of the recalls is the balanced
    accuracy, that of the F1 scores the macro-F1. What nothing was named or is has a precision or recall of 0.
    """
    confusion = np.zeros((len(LABELS), len(LABELS)), np.int64)
    np.add.at(confusion, (labels, logits.argmax(axis=1)), 1)
    right, faces, named = confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)
    recall, precision = right / np.maximum(faces, 1), right / np.maximum(named, 1)
    f1 = 2 * right / np.maximum(faces + named, 1)
    rows = zip(LABELS, precision, recall, f1, faces, strict=True)
    return {
        "faces": len(labels),
        "accuracy": _rounded(confusion.trace() / len(labels)),
        "balanced_accuracy": _rounded(recall[faces > 0].mean()),
        "macro_f1": _rounded(f1[faces > 0].mean()),
        "recall": {label: _rounded(share) for label, share in zip(LABELS, recall, strict=True)},
        "classes": {
            label: {"precision": _rounded(p), "recall": _rounded(r), "f1": _rounded(f), "faces": int(count)}
            for label, p, r, f, count in rows
        },
        "confusion": confusion.tolist(),
    }


def reliability(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> dict[str, Any]:
    """How far the highest probability can be believed: the expected calibration error and what it is made of.

    For each of the bins: how many faces fell into it, their mean confidence and their accuracy (0 where there are
    none). The error is the mean distance of the two, weighed by the faces (Guo et al. 2017, equation 3).
    """
    shares = softmax(logits)
    sure, right = shares.max(axis=1), shares.argmax(axis=1) == labels
    place = np.minimum((sure * BINS).astype(int), BINS - 1)
    count = np.bincount(place, minlength=BINS)
    confidence, accuracy = (
        np.bincount(place, weights, BINS) / np.maximum(count, 1) for weights in (sure, right.astype(float))
    )
    return {
        "calibration_error": _rounded((count * np.abs(accuracy - confidence)).sum() / len(labels)),
        "bins": {
            "faces": count.tolist(),
            "confidence": [_rounded(value) for value in confidence],
            "accuracy": [_rounded(value) for value in accuracy],
        },
    }


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probabilities, float32 (count, 7)."""
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True), np.float32)


def fit_temperature(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """The divisor of the logits under which the labels are most likely (Guo et al. 2017, temperature scaling).

    Searched on a logarithmic grid from 0.2 to 5 in steps of 1 %, finer than a validation split can tell apart.
    """
    grid = np.exp(np.arange(np.log(0.2), np.log(5.0), 0.01))
    return round(float(min(grid, key=lambda t: _negative_log_likelihood(logits / t, labels))), 3)


def _negative_log_likelihood(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    return float(-np.log(softmax(logits)[np.arange(len(labels)), labels] + 1e-12).mean())


def _rounded(value: Any) -> float:
    return round(float(value), 4)
