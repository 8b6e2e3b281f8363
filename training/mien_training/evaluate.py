"""What a network is worth, from its logits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.expression import LABELS


def metrics(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> dict[str, Any]:
    """Accuracy, its mean over the classes present, recall by class, and counts by [true][predicted]."""
    confusion = np.zeros((len(LABELS), len(LABELS)), np.int64)
    np.add.at(confusion, (labels, logits.argmax(axis=1)), 1)
    counts = confusion.sum(axis=1)
    recall = confusion.diagonal() / np.maximum(counts, 1)
    return {
        "faces": len(labels),
        "accuracy": round(float(confusion.trace() / len(labels)), 4),
        "balanced_accuracy": round(float(recall[counts > 0].mean()), 4),
        "recall": {label: round(float(share), 4) for label, share in zip(LABELS, recall, strict=True)},
        "confusion": confusion.tolist(),
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
