"""The shipped network on FER2013's own labels: one student's word on each face."""

from __future__ import annotations

from mien_training.augment import Augmentation
from mien_training.recipes.mien import network
from mien_training.recipes.recipe import Recipe

FER2013 = Recipe(
    name="fer2013",
    network=network,
    epochs=24,
    batch=64,
    learning_rate=1e-3,
    weight_decay=0.05,
    augmentation=Augmentation(),
)
