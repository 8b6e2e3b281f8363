"""What an epoch shows: which faces, how changed, and what is to be answered to them."""

from __future__ import annotations

import keras
import numpy as np
from numpy.typing import NDArray

from mien_training.data.augment import augment
from mien_training.data.fer2013 import Faces
from mien_training.recipes import Recipe

Targets = tuple[NDArray[np.float32], ...]
"""float32 (count, 7): the recipe's own view, and the other one where the recipe learns that beside it."""

_BLEND = 0.3  # of the beta distribution that a blend's shares are drawn from: mostly near 0 and 1


class Batches(keras.utils.PyDataset):  # type: ignore[misc]  # Keras ships no types
    """One epoch of augmented training faces with their targets, in an order drawn from the key."""

    def __init__(self, faces: Faces, recipe: Recipe, key: tuple[int, int]) -> None:
        super().__init__()
        self.faces, self.recipe, self.key = faces, recipe, key
        self.targets: Targets = (faces.targets,)
        if learns_beside(recipe, faces):
            assert faces.beside is not None
            self.targets += (faces.beside,)
        self.order = shown(self.targets[0], recipe.balance, np.random.default_rng(key))

    def __len__(self) -> int:
        return count(self.faces, self.recipe)

    def __getitem__(self, index: int) -> tuple[NDArray[np.uint8], Targets]:
        chosen = self.order[index * self.recipe.batch : (index + 1) * self.recipe.batch]
        rng = np.random.default_rng((*self.key, index))
        images = augment(self.faces.images[chosen], self.recipe.augmentation, rng)
        targets: Targets = tuple(rows[chosen] for rows in self.targets)
        if self.recipe.mixed and rng.uniform() < self.recipe.mixed:
            images, targets = blended(images, targets, rng)
        return images, targets


def learns_beside(recipe: Recipe, faces: Faces) -> bool:
    """Whether the other view's labels are learned too: where the recipe says so and the data have them."""
    return recipe.beside > 0 and faces.beside is not None


def count(faces: Faces, recipe: Recipe) -> int:
    """How many batches an epoch has; all are whole, so that devices can share them."""
    return max(1, len(faces) // recipe.batch)


def blended(images: NDArray[np.uint8], targets: Targets, rng: np.random.Generator) -> tuple[NDArray[np.uint8], Targets]:
    """Each face over another one of the batch, and its targets over the other's, both in the same shares."""
    drawn = rng.beta(_BLEND, _BLEND, (len(images), 1)).astype(np.float32)
    share, other = np.maximum(drawn, 1 - drawn), rng.permutation(len(images))
    wide = share[:, :, np.newaxis, np.newaxis]
    faces = np.rint(wide * images + (1 - wide) * images[other]).astype(np.uint8)
    return faces, tuple(share * rows + (1 - share) * rows[other] for rows in targets)


def shown(targets: NDArray[np.float32], balance: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """Which faces an epoch shows, in random order: as many as there are, those of rare expressions more often.

    A face's chance falls with how often its expressions occur, to the power of `balance`; the draw is systematic, so
    that each face comes as often as its chance says, to within one.
    """
    chance = targets @ np.maximum(targets.mean(axis=0), 1e-6) ** -balance
    order = rng.permutation(len(targets))
    ends = np.cumsum((chance / chance.sum() * len(targets))[order])
    picked = np.searchsorted(ends, np.arange(len(targets)) + rng.uniform(), side="right")
    return rng.permutation(order[np.minimum(picked, len(targets) - 1)])
