"""The seven expressions, in the order of the network's outputs."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Literal, get_args

Label = Literal["neutral", "happy", "sad", "surprise", "angry", "disgust", "fear"]

LABELS: tuple[Label, ...] = get_args(Label)
"""In the order of the network's outputs."""

Prior = tuple[float, ...]
"""How frequent each expression is where a decision is made: a share for each, positive, summing to 1."""

EVEN_PRIOR: Prior = (1 / len(LABELS),) * len(LABELS)
"""All expressions equally frequent: the most probable one is then the one that explains the face best."""


SYNONYMS: Mapping[str, Label] = {
    "anger": "angry",
    "disgusted": "disgust",
    "fearful": "fear",
    "happiness": "happy",
    "joy": "happy",
    "sadness": "sad",
    "surprised": "surprise",
}
"""Other usual names of the expressions."""


class Expression(IntEnum):
    """An expression; its value is its index in the network's output.

    Each has a place on the circumplex of affect: `valence` (unpleasant -1 .. pleasant 1) and `arousal`
    (calm -1 .. excited 1), the mean ratings of Russell & Mehrabian, "Evidence for a three-factor theory of
    emotions", Journal of Research in Personality 11 (1977). Neutral is the origin by definition.
    """

    NEUTRAL = 0
    HAPPY = 1
    SAD = 2
    SURPRISE = 3
    ANGRY = 4
    DISGUST = 5
    FEAR = 6

    @classmethod
    def from_label(cls, label: str) -> Expression:
        """Return the expression of a label. Raises ValueError for any other text."""
        return cls(LABELS.index(label))

    @classmethod
    def from_name(cls, name: str) -> Expression | None:
        """Return the expression of a label or of a usual synonym in any case, as "Sadness"; None for other names."""
        lower = name.strip().lower()
        label = SYNONYMS.get(lower, lower)
        return cls.from_label(label) if label in LABELS else None

    @property
    def label(self) -> Label:
        """The lower-case name used on the command line, in JSON and in model files."""
        return LABELS[self]

    @property
    def valence(self) -> float:
        """Pleasantness, -1 to 1."""
        return _PLACES[self][0]

    @property
    def arousal(self) -> float:
        """Excitement, -1 to 1."""
        return _PLACES[self][1]


_PLACES: Mapping[Expression, tuple[float, float]] = {
    Expression.NEUTRAL: (0.0, 0.0),
    Expression.HAPPY: (0.81, 0.51),
    Expression.SAD: (-0.63, -0.27),
    Expression.SURPRISE: (0.40, 0.67),
    Expression.ANGRY: (-0.51, 0.59),
    Expression.DISGUST: (-0.60, 0.35),
    Expression.FEAR: (-0.64, 0.60),
}
