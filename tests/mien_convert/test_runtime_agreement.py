"""Two runtimes: rounding at near-ties is allowed, clear disagreements and a loss of accuracy are not."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mien_convert.inference import InferenceResult
from mien_convert.runtime_agreement import format_disagreement, near_ties

COUNT = 1000


def result(logits: NDArray[np.float32], step: float = 0.0) -> InferenceResult:
    return InferenceResult(logits, np.zeros(len(logits)), 0.0, 0.0, (1.0, -128), step)


def close_faces(seed: int = 0) -> NDArray[np.float32]:
    """Return logits of faces, a tenth of which are close between two expressions."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (COUNT, 7)).astype(np.float32)
    logits[::10, 0] = logits[::10].max(axis=1) + 4
    logits[::10, 1] = logits[::10, 0] + rng.normal(0, 0.05, COUNT // 10)
    return np.asarray(logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)))  # logarithms of probabilities


@pytest.mark.parametrize("output", ["logits", "probabilities"])
def test_rounding_at_near_ties_is_no_disagreement(output: Literal["logits", "probabilities"]) -> None:
    """Two runtimes that round to steps of their own disagree on many close faces, and pass."""
    before, rng = close_faces(), np.random.default_rng(1)
    first, second = (before + rng.normal(0, 0.1, before.shape).astype(np.float32) for _ in range(2))
    assert (first.argmax(axis=1) != second.argmax(axis=1)).mean() > 0.02
    assert format_disagreement(result(second), result(first), before, before.argmax(axis=1), output) is None


def test_clear_disagreements_are_reported() -> None:
    """A runtime that changes the expression of 2 % of the clear faces fails, whatever that does to the accuracy."""
    before = close_faces()
    wrong = before.copy()
    clear = np.flatnonzero(np.arange(COUNT) % 10)[: COUNT // 50]
    wrong[clear] = np.roll(before[clear], 1, axis=1)
    labels = np.full(COUNT, 7)  # both runtimes are always wrong
    reason = format_disagreement(result(wrong), result(before), before, labels, "logits")
    assert reason is not None
    assert "disagree on 2.00%" in reason


def test_a_loss_of_accuracy_is_reported_even_at_near_ties() -> None:
    """A runtime that decides each close face wrongly is biased, which is more than rounding."""
    before, labels = close_faces(), close_faces().argmax(axis=1)
    biased = before.copy()
    tied = np.arange(0, COUNT, 10)
    biased[tied, 1 - labels[tied]] = before[tied, labels[tied]] + 0.01
    reason = format_disagreement(result(biased), result(before, step=1.0), before, labels, "logits")
    assert reason is not None
    assert "accuracies are 0.9000 and 1.0000" in reason


@given(seed=st.integers(0, 1000), step=st.sampled_from([0.0, 0.01, 0.5]))
def test_equal_outputs_agree_and_ties_are_within_the_step(seed: int, step: float) -> None:
    """The same outputs never disagree, and a float file that changed nothing has no near-ties beyond exact ones."""
    before = close_faces(seed)
    same = result(before, step)
    assert format_disagreement(same, same, before, before.argmax(axis=1), "logits") is None
    top = np.sort(before, axis=1)[:, -2:]
    np.testing.assert_array_equal(near_ties(same, before, "logits"), top[:, 1] - top[:, 0] < step)
