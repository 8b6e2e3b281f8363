"""The network that ships, on FER2013's own labels: one student's word on each face."""

from __future__ import annotations

from dataclasses import replace

from mien_training.data.augment import Augmentation
from mien_training.recipes.mien import MIEN

FER2013 = replace(
    MIEN,
    name="fer2013",
    view="fer2013",
    balance=0.0,
    lift=0.0,
    mixed=0.4,
    beside=0.4,
    augmentation=Augmentation(hidden=0.15),
)
