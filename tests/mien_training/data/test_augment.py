"""Augmentation, a kind at a time."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from mien_training.data import augment as augmentation
from mien_training.data.augment import BOX_ERRORS, augment
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


DETECTOR_BOXES = replace(NO_AUGMENTATION, detector_boxes=1)


def test_detector_boxes_without_errors_keep_the_face_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enlarged and cut out again without a displacement, a smooth face differs by a grey level or two."""
    monkeypatch.setattr(augmentation, "BOX_ERRORS", (0.0, 0.0, 0.0, 0.0))
    coarse = np.random.default_rng(0).integers(0, 256, (20, 8, 8)).astype(np.uint8)
    images = np.stack([cv2.resize(face, (48, 48), interpolation=cv2.INTER_CUBIC) for face in coarse])[..., np.newaxis]
    augmented = augment(images, DETECTOR_BOXES, np.random.default_rng(1))
    assert np.abs(augmented.astype(int) - images)[:, 2:-2, 2:-2].mean() < 1


def test_detector_boxes_are_displaced_as_measured() -> None:
    """The spread of the places and sizes of a spot, and their correlation, are those of the detectors' boxes."""
    rows, columns = np.arange(48)[:, np.newaxis], np.arange(48)
    spot = 255 * (np.hypot(rows - 23.5, columns - 23.5) < 8).astype(np.uint8)
    images = np.repeat(spot[np.newaxis, :, :, np.newaxis], 1500, axis=0)
    augmented = augment(images, DETECTOR_BOXES, np.random.default_rng(0))[..., 0] > 240
    clean = augmented[augmented[:, 0].sum(axis=1) == 0]  # without a bright background
    area = clean.sum(axis=(1, 2))
    box = np.sqrt(area.mean() / area)
    x, y = ((23.5 - (clean * axis).sum(axis=(1, 2)) / area) / 48 * box for axis in (columns, rows))
    assert (np.std(x), np.std(y), np.std(np.log(box))) == pytest.approx(BOX_ERRORS[:3], rel=0.15)
    assert np.corrcoef(y, np.log(box))[0, 1] == pytest.approx(BOX_ERRORS[3], abs=0.1)


def test_some_faces_are_framed_as_by_a_detector() -> None:
    """As many as the share; the same generator gives the same faces; the others are unchanged."""
    images = np.random.default_rng(0).integers(0, 256, (200, 48, 48, 1)).astype(np.uint8)
    half = replace(DETECTOR_BOXES, detector_boxes=0.5)
    augmented = augment(images, half, np.random.default_rng(1))
    assert (augment(images, half, np.random.default_rng(1)) == augmented).all()
    unchanged = (augmented == images).all(axis=(1, 2, 3)).sum()
    assert 75 < unchanged < 125
