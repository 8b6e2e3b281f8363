"""The batches of an epoch: mixup, and how often each face occurs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from mien_training import epoch

keras = pytest.importorskip("keras", reason="needs the extra 'training'")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")  # the backend's own


@given(count=st.integers(1, 12), seed=st.integers(0, 99))
def test_mixup_mixes_faces_and_targets_alike(count: int, seed: int) -> None:
    """Pixels and targets are mixed in the same shares, the face itself with at least half; shares still sum to 1."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 7
    images = np.repeat(labels * 40, 48 * 48).reshape(count, 48, 48, 1).astype(np.uint8)  # as bright as its label
    targets = np.eye(7, dtype=np.float32)[labels]
    mixed, (shares,) = epoch.mixup(images, (targets,), rng)
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-5)
    assert (shares[np.arange(count), labels] >= 0.5).all()
    np.testing.assert_allclose(mixed[:, 0, 0, 0], shares @ (np.arange(7) * 40), atol=0.51)


@given(
    targets=arrays(np.float32, st.tuples(st.integers(1, 60), st.just(7)), elements=st.floats(0, 1, width=32)),
    resampling=st.floats(0, 1),
    seed=st.integers(0, 9),
)
def test_an_epoch_has_as_many_faces_as_the_data(targets: NDArray[np.float32], resampling: float, seed: int) -> None:
    """However uneven the expressions are; and each face once without resampling."""
    targets = targets + np.float32(0.01)
    targets /= targets.sum(axis=1, keepdims=True)
    order = epoch.sample_epoch(targets, resampling, np.random.default_rng(seed))
    assert len(order) == len(targets)
    assert 0 <= order.min() <= order.max() < len(targets)
    if resampling == 0:
        assert sorted(order) == list(range(len(targets)))


def test_resampling_repeats_rare_expressions() -> None:
    """Ten of a thousand occur as often as the others at 1, and in between at 0.5."""
    targets = np.eye(7, dtype=np.float32)[[0] * 990 + [5] * 10]
    rare = [(epoch.sample_epoch(targets, strength, np.random.default_rng(0)) >= 990).sum() for strength in (0, 0.5, 1)]
    assert rare[0] == 10 < rare[1] < rare[2] == pytest.approx(500, abs=10)
