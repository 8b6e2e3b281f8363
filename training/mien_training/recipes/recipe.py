"""What a recipe is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

import keras
import numpy as np
from numpy.typing import NDArray

from mien.vision.model_file import View
from mien_training.data.augment import Augmentation

Prepare = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
"""Faces as the detector frames them -> faces as a network wants them; uint8 (count, 48, 48, 1), both."""


def as_they_are(faces: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Faces as the detector frames them."""
    return faces


def as_it_learned(network: keras.Model) -> keras.Model:
    """The network itself."""
    return network


_GENTLE_FROM = 2 / 3
"""Share of the epochs after which `Recipe.gentle` holds."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """A network and the way to train it.

    network: builds it; input uint8-valued (48, 48, 1), output seven logits, normalisation inside.
    learner: builds what learns in its place, where that is another network; `finished` writes it as the network.
    optimizer: "muon", `mien_training.muon`'s, needs normalised layers.
    learning_rate: reached after `warmup` epochs and brought to zero along a cosine.
    view: whose labels to learn, where FER+'s votes are beside the data; without them there is but one view.
    balance: how far the rarer expressions are shown more often: 0 as they come, 1 all equally often.
    lift: what balanced accuracy is worth beside accuracy when the finished network names an expression: its biases
    favour the rarer ones so far (as with costs: Elkan 2001, "The foundations of cost-sensitive learning").
    prepare: what is done to every face, once, before it is augmented or named.
    distillation: share of the teachers' answers in the targets, where some are given (Hinton et al. 2015).
    mixed: share of the batches whose faces are blended two by two, and their targets with them (mixup, Zhang et al.
    2018, arXiv:1710.09412).
    beside: weight of the other view's labels, where the data have two. A second output layer learns them, so that what
    comes before it sees more; it is left out of the finished network.
    gentle: the augmentation of the last third of the epochs, in which no faces are blended either: what learned not to
    trust details looks at the faces as they are (none: it goes on as before).
    mirrored: whether channels are tied in pairs, so that a mirrored face gets the same answer (see `mirrored.py`).
    """

    name: str
    network: Callable[[], keras.Model]
    epochs: int
    batch: int
    learning_rate: float
    weight_decay: float
    optimizer: Literal["adamw", "muon"] = "adamw"
    view: View = "fer2013"
    balance: float = 0.0
    lift: float = 0.0
    distillation: float = 0.5
    mixed: float = 0.0
    beside: float = 0.0
    warmup: int = 1
    mirrored: bool = False
    learner: Callable[[], keras.Model] | None = None
    finished: Callable[[keras.Model], keras.Model] = as_it_learned
    prepare: Prepare = as_they_are
    augmentation: Augmentation = field(default_factory=Augmentation)
    gentle: Augmentation | None = None

    def at(self, progress: float) -> Recipe:
        """The recipe for an epoch that begins when so large a share of them is done."""
        if self.gentle is None or progress < _GENTLE_FROM:
            return self
        return replace(self, augmentation=self.gentle, mixed=0.0)
