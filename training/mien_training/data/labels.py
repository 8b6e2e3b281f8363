"""Expressions by the names that data sets give them."""

from __future__ import annotations

from mien.expression import LABELS, Expression

_SYNONYMS = {
    "anger": "angry",
    "disgusted": "disgust",
    "fearful": "fear",
    "happiness": "happy",
    "joy": "happy",
    "sadness": "sad",
    "surprised": "surprise",
}


def expression_named(name: str) -> Expression | None:
    """The expression of a name such as "happy" or "Sadness"; None for a name that mien does not know."""
    lower = name.strip().lower()
    label = _SYNONYMS.get(lower, lower)
    return Expression.from_label(label) if label in LABELS else None
