"""Accuracy, calibration and temperature, checked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from mien.expression import LABELS
from mien_training.evaluation.metrics import (
    BINS,
    balanced_weights,
    calibration_error,
    class_means,
    class_prior,
    fit_temperature,
    metrics,
    metrics_by_prior,
    reliability,
)


def test_metrics_by_hand() -> None:
    """Three faces, one of them wrong: accuracy 2/3, and the balanced accuracy is the mean over classes, not faces."""
    logits = np.full((3, 7), -1.0, np.float32)
    logits[[0, 1, 2], [1, 1, 2]] = 1
    figures = metrics(logits, np.array([1, 2, 2]))
    assert figures["accuracy"] == pytest.approx(2 / 3, abs=1e-4)
    assert figures["balanced_accuracy"] == pytest.approx((1 + 0.5) / 2)
    assert figures["confusion"][2] == [0, 1, 1, 0, 0, 0, 0]


def test_temperature_undoes_overconfidence() -> None:
    """The temperature of logits that are three times too large is 3."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 1.5, (20000, 7)).astype(np.float32)
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = np.array([rng.choice(7, p=row / row.sum()) for row in shares.astype(float)])
    assert fit_temperature(logits * 3, labels) == pytest.approx(3, rel=0.05)


def test_weights_count_like_repeated_faces() -> None:
    """A face of weight 3 moves the temperature as three faces do, and weights that are all the same not at all."""
    rng = np.random.default_rng(1)
    logits, labels = rng.normal(0, 3, (400, 7)).astype(np.float32), rng.integers(0, 7, 400)
    weights = rng.integers(0, 4, 400)
    repeated = np.repeat(np.arange(400), weights)
    assert fit_temperature(logits, labels, weights.astype(float)) == fit_temperature(logits[repeated], labels[repeated])
    assert fit_temperature(logits, labels, np.full(400, 0.1)) == fit_temperature(logits, labels)


def test_balanced_weights_by_hand() -> None:
    """Three happy faces and one sad one count the same, half of all each."""
    assert balanced_weights(np.array([1, 1, 1, 2])).tolist() == pytest.approx([2 / 3, 2 / 3, 2 / 3, 2])


def test_a_weighted_calibration_error_counts_repeated_faces() -> None:
    """A face of weight 3 counts like three; without weights it is the error of the reliability."""
    rng = np.random.default_rng(2)
    logits, labels, weights = (
        rng.normal(0, 2, (200, 7)).astype(np.float32),
        rng.integers(0, 7, 200),
        rng.integers(0, 4, 200),
    )
    repeated = np.repeat(np.arange(200), weights)
    assert calibration_error(logits, labels, weights.astype(float)) == pytest.approx(
        calibration_error(logits[repeated], labels[repeated]), abs=1e-4
    )
    assert calibration_error(logits, labels) == reliability(logits, labels)["calibration_error"]


def test_metrics_by_prior_by_hand() -> None:
    """The prior of happy outweighs a weak sign of sad under the data's prior, and not under an even one."""
    prior = (0.05, 0.7, 0.05, 0.05, 0.05, 0.05, 0.05)
    likelihoods = np.zeros((4, 7), np.float32)
    likelihoods[0, 2], likelihoods[1:, 1] = 1.0, 1.0
    logits = (likelihoods + np.log(prior)).astype(np.float32)
    figures = metrics_by_prior(logits, np.array([2, 1, 1, 1]), prior, 1.0, 0.5)
    assert (figures["data"]["accuracy"], figures["data"]["balanced_accuracy"]) == (0.75, 0.5)
    assert (figures["even"]["accuracy"], figures["even"]["balanced_accuracy"]) == (1.0, 1.0)
    assert (figures["data"]["temperature"], figures["even"]["temperature"]) == (1.0, 0.5)
    confidence = float(np.exp(2) / (np.exp(2) + 6))  # evidence 1 at a temperature of 0.5
    assert figures["even"]["calibration_error"] == pytest.approx(1 - confidence, abs=1e-4)


def test_class_means_by_hand() -> None:
    """Each row is the mean over one expression's faces; an expression without faces has zeros."""
    evidence = np.zeros((3, 7), np.float32)
    evidence[0, 1], evidence[1, 1], evidence[2, 6] = 1, 2, -4
    means = class_means(evidence, np.array([1, 1, 3]))
    assert means[1] == (0, 1.5, 0, 0, 0, 0, 0)
    assert means[3] == (0, 0, 0, 0, 0, 0, -4)
    assert means[0] == (0,) * 7


def test_a_class_prior_has_no_zero() -> None:
    """It is the mean of the targets, and an expression without a face keeps a small share."""
    targets = np.zeros((4, 7), np.float32)
    targets[:, 0] = [1, 1, 0.5, 0.5]
    targets[:, 1] = [0, 0, 0.5, 0.5]
    prior = class_prior(targets)
    assert prior[:2] == pytest.approx((0.75, 0.25), abs=1e-3)
    assert all(0 < share < 1e-4 for share in prior[2:])
    assert sum(prior) == pytest.approx(1, abs=1e-5)


def test_metrics_by_class_by_hand() -> None:
    """Predicted 1, 1 and 2 where 1, 2 and 2 are true: precisions 1/2 and 1, recalls 1 and 1/2, both F1 2/3."""
    logits = np.full((3, 7), -1.0, np.float32)
    logits[[0, 1, 2], [1, 1, 2]] = 1
    figures = metrics(logits, np.array([1, 2, 2]))
    assert figures["classes"][LABELS[1]] == {"precision": 0.5, "recall": 1.0, "f1": 0.6667, "faces": 1}
    assert figures["classes"][LABELS[2]] == {"precision": 1.0, "recall": 0.5, "f1": 0.6667, "faces": 2}
    assert figures["classes"][LABELS[0]] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "faces": 0}
    assert figures["macro_f1"] == pytest.approx(2 / 3, abs=1e-4)


def test_calibration_error_by_hand() -> None:
    """Four faces at confidence 0.8, half of them right, and one at 0.4 that is right: (4 x 0.3 + 0.6) / 5."""
    shares = np.array([[0.8] + [0.2 / 6] * 6] * 4 + [[0.4] + [0.1] * 6])
    figures = reliability(np.log(shares).astype(np.float32), np.array([0, 0, 1, 1, 0]))
    assert figures["calibration_error"] == pytest.approx((4 * 0.3 + 0.6) / 5, abs=1e-3)
    assert [count for count in figures["bins"]["faces"] if count] == [1, 4]


@given(
    logits=arrays(np.float32, st.tuples(st.integers(1, 40), st.just(7)), elements=st.floats(-50, 50, width=32)),
    seed=st.integers(0, 99),
)
def test_any_logits_have_a_reliability(logits: NDArray[np.float32], seed: int) -> None:
    """Every face falls into one of fifteen bins, and the error is a share."""
    figures = reliability(logits, np.random.default_rng(seed).integers(0, 7, len(logits)))
    assert len(figures["bins"]["faces"]) == BINS == 15
    assert sum(figures["bins"]["faces"]) == len(logits)
    assert 0 <= figures["calibration_error"] <= 1
