"""The batches of one epoch: which faces, how augmented, and with which targets."""

from __future__ import annotations

import keras
import numpy as np
from numpy.typing import NDArray

from mien_training.data.augment import augment
from mien_training.data.fer2013 import Faces
from mien_training.recipes import Recipe

Targets = tuple[NDArray[np.float32], ...]
"""float32 (count, 7): the recipe's own view and, with an auxiliary output, the other view."""

_MIXUP_ALPHA = 0.3
"""Both parameters of the beta distribution of mixup's shares: most are near 0 or 1."""


class Batches(keras.utils.PyDataset):  # type: ignore[misc]  # Keras ships no types
    """One epoch of augmented training faces with their targets; the key (seed, epoch) decides every random choice."""

    def __init__(self, faces: Faces, recipe: Recipe, key: tuple[int, int]) -> None:
        super().__init__()
        self.faces, self.recipe, self.key = faces, recipe, key
        self.targets: Targets = (faces.targets,)
        if has_auxiliary_targets(recipe, faces):
            assert faces.auxiliary is not None
            self.targets += (faces.auxiliary,)
        self.order = sample_epoch(self.targets[0], recipe.resampling, np.random.default_rng(key))

    def __len__(self) -> int:
        return batch_count(self.faces, self.recipe)

    def __getitem__(self, index: int) -> tuple[NDArray[np.uint8], Targets]:
        chosen = self.order[index * self.recipe.batch : (index + 1) * self.recipe.batch]
        rng = np.random.default_rng((*self.key, index))
        images = augment(self.faces.images[chosen], self.recipe.augmentation, rng)
        targets: Targets = tuple(rows[chosen] for rows in self.targets)
        if self.recipe.mixup and rng.uniform() < self.recipe.mixup:
            images, targets = mixup(images, targets, rng)
        return images, targets


def has_auxiliary_targets(recipe: Recipe, faces: Faces) -> bool:
    """Return whether the other view's labels are learned too: the recipe gives them a weight and the data have them."""
    return recipe.auxiliary > 0 and faces.auxiliary is not None


def batch_count(faces: Faces, recipe: Recipe) -> int:
    """Return the number of batches of an epoch; all are whole, so that several devices can share each."""
    return max(1, len(faces) // recipe.batch)


def mixup(images: NDArray[np.uint8], targets: Targets, rng: np.random.Generator) -> tuple[NDArray[np.uint8], Targets]:
    """Mix each face, and its targets, with another of the batch in the same random shares; its own is the larger."""
    drawn = rng.beta(_MIXUP_ALPHA, _MIXUP_ALPHA, (len(images), 1)).astype(np.float32)
    share, other = np.maximum(drawn, 1 - drawn), rng.permutation(len(images))
    wide = share[:, :, np.newaxis, np.newaxis]
    faces = np.rint(wide * images + (1 - wide) * images[other]).astype(np.uint8)
    return faces, tuple(np.asarray(share * rows + (1 - share) * rows[other], np.float32) for rows in targets)


def sample_epoch(targets: NDArray[np.float32], resampling: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the indices of an epoch's faces, int64 (count,), in random order; rare expressions occur more often.

    targets: float32 (count, 7). The weight of a face falls with the frequency of its expressions to the power of
    `resampling`; sampling is systematic, so that each face occurs as often as its weight requires, to within one.
    """
    weight = targets @ np.maximum(targets.mean(axis=0), 1e-6) ** -resampling
    order = rng.permutation(len(targets))
    ends = np.cumsum((weight / weight.sum() * len(targets))[order])
    picked = np.searchsorted(ends, np.arange(len(targets)) + rng.uniform(), side="right")
    return rng.permutation(order[np.minimum(picked, len(targets) - 1)])
