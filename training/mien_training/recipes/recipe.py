"""The fields of a recipe: a network and everything that decides how it is trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal, TypeVar

import keras
import numpy as np
from numpy.typing import NDArray

from mien.vision.model_file import View
from mien_training.data.augment import Augmentation

Prepare = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
"""Converts detector crops to the network's input; uint8 (count, 48, 48, 1), both."""

_FINAL_PHASE = 2 / 3
"""Share of the epochs after which `Recipe.final_augmentation` applies."""

_Value = TypeVar("_Value")


def identity(value: _Value) -> _Value:
    """Return the value unchanged."""
    return value


@dataclass(frozen=True, slots=True)
class Recipe:
    """A network and the way to train it.

    network: builds the network; input uint8-valued (48, 48, 1), output seven logits, normalisation inside.
    learner: builds another network that is trained in its place; `export` converts that one into `network`.
    optimizer: "adamw", or "muon" (`mien_training.muon`), which needs normalised layers.
    learning_rate: the peak, reached after `warmup` epochs and followed by a cosine decay to zero.
    view: whose labels are the targets, where FER+'s votes lie beside the data; without votes there is one view only.
    resampling: how much more often an epoch contains faces of rare expressions: 0 as in the data, 1 all equally often.
    prepare: applied to every face once, before augmentation and before inference.
    distillation: share of the teachers' predictions in the targets, if there are teachers (Hinton et al. 2015).
    mixup: share of the batches to which mixup is applied (Zhang et al. 2018, arXiv:1710.09412).
    auxiliary: loss weight of an auxiliary output that is trained on the other view's labels, where the data have both.
    The finished network does not contain it.
    mirrored: whether channels are tied in mirrored pairs (`networks/mirror_tying.py`), so that a face and its mirror
    image have the same logits.
    final_augmentation: the augmentation of the last third of the epochs, in which there is no mixup either: training on
    distorted faces alone leaves the network short of fine detail. None: no change.
    """

    name: str
    network: Callable[[], keras.Model]
    epochs: int
    batch: int
    learning_rate: float
    weight_decay: float
    optimizer: Literal["adamw", "muon"] = "adamw"
    view: View = "fer2013"
    resampling: float = 0.0
    distillation: float = 0.5
    mixup: float = 0.0
    auxiliary: float = 0.0
    warmup: int = 1
    mirrored: bool = False
    learner: Callable[[], keras.Model] | None = None
    export: Callable[[keras.Model], keras.Model] = identity
    prepare: Prepare = identity
    augmentation: Augmentation = field(default_factory=Augmentation)
    final_augmentation: Augmentation | None = None

    def at(self, progress: float) -> Recipe:
        """Return the recipe for an epoch that begins after this share of all epochs, 0 to 1."""
        if self.final_augmentation is None or progress < _FINAL_PHASE:
            return self
        return replace(self, augmentation=self.final_augmentation, mixup=0.0)
