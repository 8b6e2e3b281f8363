"""What a recipe is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import keras

from mien_training.augment import Augmentation


@dataclass(frozen=True, slots=True)
class Recipe:
    """A network and the way to train it.

    network: builds it; input uint8-valued (48, 48, 1), output seven logits, normalisation inside.
    learning_rate: AdamW's, reached after `warmup` epochs and brought to zero along a cosine.
    precision: a Keras dtype policy; weights are float32 under each.
    votes: share of FER+'s votes in the targets, where they are beside the data; the rest is FER2013's own label.
    taught: share of a teacher's answers in the targets, where a teacher is given (Hinton et al. 2015, distillation).
    """

    name: str
    network: Callable[[], keras.Model]
    epochs: int
    batch: int
    learning_rate: float
    weight_decay: float
    votes: float = 0.0
    taught: float = 0.0
    warmup: int = 1
    precision: str = "mixed_bfloat16"
    augmentation: Augmentation = field(default_factory=Augmentation)
