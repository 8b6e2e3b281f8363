"""Accuracy and calibration of a network, from its logits."""

from __future__ import annotations

from typing import Any, Literal, TypedDict

import numpy as np
from numpy.typing import NDArray

from mien.expression import LABELS, Prior
from mien.vision.classifier import evidence

BINS = 15
"""Equal-width bins of the highest probability, as in Guo et al. 2017 (arXiv:1706.04599), table 1."""

_SMALLEST_SHARE = 1e-5  # of an expression without a training face

PriorName = Literal["data", "even"]
"""The documented priors of decisions: that of the training data, and one with all expressions equally frequent."""


class PriorMetrics(TypedDict):
    """The metrics of decisions under one prior; calibration_error is that after division by the temperature."""

    temperature: float
    accuracy: float
    balanced_accuracy: float
    calibration_error: float


def metrics(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> dict[str, Any]:
    """Return accuracy, means over the classes present, metrics by class, and the confusion matrix [true][predicted].

    logits: float32 (count, 7), count at least 1. labels: int64 (count,). The mean of the recalls is the balanced
    accuracy, that of the F1 scores the macro-F1. A class without predictions, or faces, has a precision, or recall, of
    0.
    """
    confusion = np.zeros((len(LABELS), len(LABELS)), np.int64)
    np.add.at(confusion, (labels, logits.argmax(axis=1)), 1)
    correct, faces, predicted = confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)
    recall, precision = correct / np.maximum(faces, 1), correct / np.maximum(predicted, 1)
    f1 = 2 * correct / np.maximum(faces + predicted, 1)
    rows = zip(LABELS, precision, recall, f1, faces, strict=True)
    return {
        "faces": len(labels),
        "accuracy": _rounded(confusion.trace() / len(labels)),
        "balanced_accuracy": _rounded(recall[faces > 0].mean()),
        "macro_f1": _rounded(f1[faces > 0].mean()),
        "recall": {label: _rounded(value) for label, value in zip(LABELS, recall, strict=True)},
        "classes": {
            label: {"precision": _rounded(p), "recall": _rounded(r), "f1": _rounded(f), "faces": int(count)}
            for label, p, r, f, count in rows
        },
        "confusion": confusion.tolist(),
    }


def reliability(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> dict[str, Any]:
    """Return the expected calibration error of the highest probability, and its bins.

    Each bin has the number of its faces, their mean confidence and their accuracy (0 in an empty bin). The error is the
    mean difference of the two, weighted by the number of faces (Guo et al. 2017, equation 3).
    """
    count, confidence, accuracy = _bins(logits, labels, np.ones(len(labels)))
    return {
        "calibration_error": calibration_error(logits, labels),
        "bins": {
            "faces": count.astype(int).tolist(),
            "confidence": [_rounded(value) for value in confidence],
            "accuracy": [_rounded(value) for value in accuracy],
        },
    }


def calibration_error(
    logits: NDArray[np.float32], labels: NDArray[np.int64], weights: NDArray[np.float64] | None = None
) -> float:
    """Return the expected calibration error as `reliability` does. weights: of the faces; all the same unless given."""
    count, confidence, accuracy = _bins(logits, labels, np.ones(len(labels)) if weights is None else weights)
    return _rounded((count * np.abs(accuracy - confidence)).sum() / count.sum())


def _bins(
    logits: NDArray[np.float32], labels: NDArray[np.int64], weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return each bin's weight, mean confidence and accuracy, float64 (BINS,) each; zeros for an empty bin."""
    probabilities = softmax(logits)
    highest, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    bins = np.minimum((highest * BINS).astype(int), BINS - 1)
    count = np.asarray(np.bincount(bins, weights, BINS), np.float64)
    sums = (np.bincount(bins, weights * values, BINS) for values in (highest, correct))
    confidence, accuracy = (total / np.where(count > 0, count, 1) for total in sums)
    return count, confidence, accuracy


def metrics_by_prior(
    logits: NDArray[np.float32], labels: NDArray[np.int64], prior: Prior, temperature: float, even_temperature: float
) -> dict[PriorName, PriorMetrics]:
    """Return the metrics of decisions under the data's prior and under an even one.

    prior: the one that the logits contain. temperature, even_temperature: as in the contract of a model file. The
    calibration error under an even prior is that of faces drawn under it: each expression counts the same.
    """
    data = logits / np.float32(temperature)
    even = evidence(logits, prior) / np.float32(even_temperature)
    return {
        "data": _prior_metrics(data, labels, temperature, None),
        "even": _prior_metrics(even, labels, even_temperature, balanced_weights(labels)),
    }


def _prior_metrics(
    scores: NDArray[np.float32], labels: NDArray[np.int64], temperature: float, weights: NDArray[np.float64] | None
) -> PriorMetrics:
    figures = metrics(scores, labels)
    return {
        "temperature": temperature,
        "accuracy": figures["accuracy"],
        "balanced_accuracy": figures["balanced_accuracy"],
        "calibration_error": calibration_error(scores, labels, weights),
    }


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return probabilities, float32 (count, 7)."""
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True), np.float32)


def fit_temperature(
    logits: NDArray[np.float32], labels: NDArray[np.int64], weights: NDArray[np.float64] | None = None
) -> float:
    """Return the divisor of the logits that maximises the likelihood of the labels (Guo et al. 2017).

    weights: of the faces, float64 (count,); all the same unless given.
    Searched on a logarithmic grid from 0.2 to 5 in steps of 1 %, finer than the resolution of a validation split.
    """
    grid = np.exp(np.arange(np.log(0.2), np.log(5.0), 0.01))
    return round(float(min(grid, key=lambda t: _negative_log_likelihood(logits / t, labels, weights))), 3)


def _negative_log_likelihood(
    logits: NDArray[np.float32], labels: NDArray[np.int64], weights: NDArray[np.float64] | None
) -> float:
    losses = -np.log(softmax(logits)[np.arange(len(labels)), labels] + 1e-12)
    return float(np.average(losses, weights=weights))


def balanced_weights(labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return a weight for each face, float64 (count,), with which each class present counts the same; their mean is 1.

    Weighted so, faces are as if drawn under an even prior.
    """
    count = np.bincount(labels, minlength=len(LABELS))
    return len(labels) / (np.count_nonzero(count) * count[labels])


def class_means(evidence: NDArray[np.float32], labels: NDArray[np.int64]) -> tuple[tuple[float, ...], ...]:
    """Return the mean evidence by [true expression][output], 7 x 7; zeros for an expression without faces.

    evidence: float32 (count, 7), as of `mien.vision.classifier.evidence`.
    """
    zeros = np.zeros(len(LABELS))
    means = [evidence[labels == k].mean(axis=0) if (labels == k).any() else zeros for k in range(len(LABELS))]
    return tuple(tuple(_rounded(value) for value in row) for row in means)


def class_prior(targets: NDArray[np.float32]) -> Prior:
    """Return the share of each expression in training targets, float32 (count, 7); none is zero, they sum to 1."""
    shares = np.maximum(targets.mean(axis=0, dtype=np.float64), _SMALLEST_SHARE)
    return tuple((shares / shares.sum()).round(6).tolist())


def _rounded(value: Any) -> float:
    return round(float(value), 4)
