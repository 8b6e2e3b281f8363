"""Accuracy by condition: the frames, the boxes, and what each condition changes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mien.vision.crop import to_input
from mien_training.data.fer2013 import Faces

pytest.importorskip("keras", reason="needs the extra 'training'")

from mien_training.evaluation import robustness  # after the check for Keras
from mien_training.evaluation.robustness import SWEEPS, Condition, place_face

images = st.integers(0, 99).map(lambda seed: np.random.default_rng(seed).integers(0, 256, (48, 48)).astype(np.uint8))
seeds = st.integers(0, 99).map(np.random.default_rng)


@given(face=images, rng=seeds)
def test_ideal_conditions_leave_the_face_unchanged(face: NDArray[np.uint8], rng: np.random.Generator) -> None:
    """At the network's own size the crop is the face itself."""
    frame, true_box, box = place_face(face, Condition(side=48), rng)
    assert box == true_box
    assert (to_input(frame, box)[:, :, 0] == face).all()


@given(face=images, rng=seeds, side=st.integers(30, 200), shift=st.floats(0, 0.3))
def test_a_shift_has_the_requested_length(
    face: NDArray[np.uint8], rng: np.random.Generator, side: int, shift: float
) -> None:
    """Whatever its direction, to the pixel's rounding."""
    _, true_box, box = place_face(face, Condition(side=side, shift=shift), rng)
    assert math.hypot(box.x - true_box.x, box.y - true_box.y) == pytest.approx(shift * side, abs=1)
    assert box.width == true_box.width == side


@given(
    face=images,
    rng=seeds,
    sweep=st.sampled_from([(name, value) for name, values in SWEEPS.items() for value in values]),
)
def test_every_condition_yields_an_input(
    face: NDArray[np.uint8], rng: np.random.Generator, sweep: tuple[str, float]
) -> None:
    """No value of a sweep leads outside the frame."""
    condition = robustness._condition(*sweep)
    frame, _, box = place_face(face, condition, rng)
    assert frame.dtype == np.uint8
    assert to_input(frame, box, condition.margin).shape == (48, 48, 1)


def test_a_condition_changes_only_its_own_property() -> None:
    """A classifier by the mean grey level suffers from brightness, and from nothing that keeps the mean."""
    flat = np.stack([np.full((48, 48, 1), level, np.uint8) for level in (70, 180)] * 4)
    faces = Faces(flat, np.array([0, 1] * 4))

    def classify(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        mean = pictures.astype(np.float32).mean(axis=(1, 2, 3))
        return np.stack([125 - mean, mean - 125, *[np.full_like(mean, -999)] * 5], axis=1)

    results: dict[str, Any] = robustness.accuracy_by_condition(classify, faces, 0.0, lambda _: None)
    assert results["brightness"]["accuracy"] == [0.5, 0.5, 1.0, 1.0, 1.0, 0.5, 0.5]
    for name in ("noise", "side", "shift", "scale"):
        assert set(results[name]["accuracy"]) == {1.0}
