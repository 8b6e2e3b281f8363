"""Augmentation, a kind at a time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mien_training.data.augment import augment
from tests.mien_training.conftest import NO_AUGMENTATION


def test_augmentation_without_ranges_changes_nothing() -> None:
    """With all ranges zero the faces are unchanged."""
    images = np.random.default_rng(0).integers(0, 256, (5, 48, 48, 1)).astype(np.uint8)
    assert (augment(images, NO_AUGMENTATION, np.random.default_rng(1)) == images).all()


def test_a_flip_is_a_mirror_image() -> None:
    """With only the flip on, each face is itself or its mirror image, and both occur."""
    images = np.random.default_rng(0).integers(0, 256, (20, 48, 48, 1)).astype(np.uint8)
    only = replace(NO_AUGMENTATION, flip=True)
    augmented = augment(images, only, np.random.default_rng(1))
    same = [(one == other).all() for one, other in zip(augmented, images, strict=True)]
    turned = [(one == other[:, ::-1]).all() for one, other in zip(augmented, images, strict=True)]
    assert all(one or other for one, other in zip(same, turned, strict=True))
    assert any(same)
    assert any(turned)


def test_random_erasing_paints_one_rectangle() -> None:
    """All of them where the share is 1; one grey, its sides within their bounds, the rest of the face as it was."""
    images = np.random.default_rng(0).integers(0, 256, (50, 48, 48, 1)).astype(np.uint8)
    augmented = augment(images, replace(NO_AUGMENTATION, random_erasing=1), np.random.default_rng(1))
    for one, other in zip(augmented[..., 0], images[..., 0], strict=True):
        rows, columns = np.nonzero(one != other)
        box = one[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        assert np.ptp(box) == 0
        assert all(5 <= side <= 22 for side in box.shape)
