"""Balanced recall under an even prior, with a bootstrap interval: how a network names faces of other origin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.expression import LABELS, Expression

DRAWS = 2000
"""Bootstrap samples of an interval."""

SEED = 1
"""Of the samples."""

_PERCENTILES = (2.5, 97.5)


def balanced_recall(
    predicted: NDArray[np.int64], labels: NDArray[np.int64], people: NDArray[np.str_] | None = None
) -> dict[str, Any]:
    """Return the mean recall of the expressions present, its 95 % interval, each recall, and the false disgust.

    predicted, labels: int64 (count,), count at least 1. people: who each face is, str (count,).
    The interval holds the 2.5th to 97.5th percentiles of DRAWS samples (Efron 1979), in each of which the faces of
    every expression are drawn with replacement; where people are known, whole people are drawn, since the faces of one
    are alike. false_disgust: share of the faces of other expressions that are called disgust.
    """
    correct, present = predicted == labels, np.unique(labels)
    groups = None if people is None else np.unique(people, return_inverse=True)[1]
    samples = _resample_faces(correct, labels, present) if groups is None else _resample_people(correct, labels, groups)
    others = predicted[labels != Expression.DISGUST]
    return {
        "faces": len(labels),
        "balanced_recall": round(float(np.mean([correct[labels == k].mean() for k in present])), 4),
        "interval": [round(float(value), 4) for value in np.percentile(samples, _PERCENTILES)],
        "recall": {LABELS[k]: round(float(correct[labels == k].mean()), 4) for k in present},
        "counts": {LABELS[k]: int((labels == k).sum()) for k in present},
        "false_disgust": round(float((others == Expression.DISGUST).mean()), 4) if len(others) else 0.0,
    }


def format_recall(figures: Mapping[str, Any]) -> str:
    """Return the figures of `balanced_recall` as two lines."""
    low, high = figures["interval"]
    recalls = ", ".join(
        f"{label} {recall:.3f} ({figures['counts'][label]})" for label, recall in figures["recall"].items()
    )
    return (
        f"balanced recall {figures['balanced_recall']:.3f} (95 % interval {low:.3f} to {high:.3f}, {DRAWS} draws), "
        f"other faces called disgust {figures['false_disgust']:.1%}\nrecall (faces): {recalls}"
    )


def _resample_faces(
    correct: NDArray[np.bool_], labels: NDArray[np.int64], present: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the balanced recall of each sample, float64 (DRAWS,).

    The number of right faces among n drawn with replacement is binomial, with the share of right ones.
    """
    rng = np.random.default_rng(SEED)
    recalls = [
        rng.binomial(count := int((labels == k).sum()), correct[labels == k].mean(), DRAWS) / count for k in present
    ]
    return np.asarray(np.mean(recalls, axis=0), np.float64)


def _resample_people(
    correct: NDArray[np.bool_], labels: NDArray[np.int64], groups: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the balanced recall of each sample of whole people, float64 (DRAWS,).

    An expression of which a sample has no face does not count in that sample.
    """
    count = int(groups.max()) + 1
    faces, right = np.zeros((count, len(LABELS))), np.zeros((count, len(LABELS)))
    np.add.at(faces, (groups, labels), 1)
    np.add.at(right, (groups, labels), correct)
    draws = np.random.default_rng(SEED).multinomial(count, np.full(count, 1 / count), DRAWS)
    total, hits = draws @ faces, draws @ right
    recalls = np.divide(hits, total, out=np.full(total.shape, np.nan), where=total > 0)
    return np.asarray(np.nanmean(recalls, axis=1), np.float64)
