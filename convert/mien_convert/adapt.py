"""Brings any network to the device's terms: 48 x 48 grey levels of 0 to 255 in, mien's seven labels in order out.

What is needed is put around the network in the graph, so that the device never has to know.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from mien.errors import ModelError
from mien.expression import LABELS
from mien.vision.crop import INPUT_SIDE
from mien.vision.model_file import View
from mien_convert.flatbuffer import frozen
from mien_convert.source import Function, Source

Levels = Literal["unit", "signed", "byte"]
LEVELS: dict[Levels, tuple[float, float]] = {"unit": (1 / 255, 0.0), "signed": (1 / 127.5, -1.0), "byte": (1.0, 0.0)}
"""Scale and offset from grey levels to what a network was trained on: 0 to 1, -1 to 1, or 0 to 255."""

LEFT_OUT = "-"
"""Stands in --labels for an output that mien has no name for."""

_BATCH = 256
_PASSING = ("Identity", "Cast", "Reshape", "Squeeze", "ExpandDims", "Pad", "ResizeBilinear", "ConcatV2", "Tile")


@dataclass(frozen=True, slots=True)
class Adaptation:
    """What a user says of a network. labels: its outputs in order; None: mien's. levels: None: look into the graph.

    resize: bring the picture to the network's own size and channels.
    view: whose labels judge it; None: its run's, else the data's own.
    """

    labels: tuple[str, ...] | None = None
    levels: Levels | None = None
    resize: bool = False
    view: View | None = None


@dataclass(frozen=True, slots=True)
class Network:
    """A source on the device's terms.

    call, folded: float32 (count, 48, 48, 1), 0 to 255 -> float32 (count, 7). output: "logits" or "probabilities".
    adapted: what was put around it, in words.
    """

    source: Source
    call: Function
    folded: Function
    output: Literal["logits", "probabilities"]
    adapted: str

    def logits(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """float32 (count, 7) for uint8 (count, 48, 48, 1); logarithms where the network gives probabilities."""
        size = self.source.batch or _BATCH
        padded = np.concatenate([images, np.zeros((-len(images) % size, *images.shape[1:]), np.uint8)])
        parts = [self.call(tf.constant(padded[i : i + size], tf.float32)).numpy() for i in range(0, len(padded), size)]
        raw = np.concatenate(parts)[: len(images)]
        if self.output == "probabilities":
            raw = np.log(np.maximum(raw, np.finfo(np.float32).tiny))
        return np.asarray(raw, np.float32)


def adapt(source: Source, how: Adaptation) -> Network:
    """Raises ModelError where the source does not fit and `how` does not say how to make it fit."""
    order = _order(source.outputs, how.labels)
    _check_size(source.input_shape, how)
    levels: Levels = how.levels or ("byte" if normalises(source) else "unit")

    def prepared(grey: Any) -> Any:
        scale, offset = LEVELS[levels]
        height, width, channels = source.input_shape
        image = tf.image.resize(grey, (height, width)) if (height, width) != (INPUT_SIDE, INPUT_SIDE) else grey
        image = image if levels == "byte" else image * scale + offset
        return tf.concat([image] * channels, axis=3) if channels > 1 else image

    def around(inner: Function) -> Function:
        def call(grey: Any) -> Any:
            answer = inner(prepared(grey))
            return answer if order is None else tf.gather(answer, order, axis=1)

        return call

    noise = np.random.default_rng(0).integers(0, 256, (source.batch or 8, INPUT_SIDE, INPUT_SIDE, 1))
    output = _kind(source.call(prepared(tf.constant(noise, tf.float32))).numpy())
    call = tf.function(around(source.call))  # traced once, however often it is asked
    return Network(source, call, around(source.folded), output, _in_words(source, levels, how.labels))


def normalises(source: Source) -> bool:
    """Whether the first thing done to a picture is to scale or shift it by constants: Rescaling, Normalization."""
    graph = frozen(source.call, [source.batch or 1, *source.input_shape]).graph
    reached: set[str] = set()
    for operator in graph.get_operations():
        if operator.type == "Placeholder":
            reached.add(operator.outputs[0].name)
        elif any(tensor.name in reached for tensor in operator.inputs):
            if operator.type not in _PASSING:
                others = [tensor for tensor in operator.inputs if tensor.name not in reached]
                return operator.type in ("Mul", "Sub", "RealDiv", "AddV2") and all(_constant(one) for one in others)
            reached.update(tensor.name for tensor in operator.outputs)
    return False


def _constant(tensor: Any) -> bool:
    """A constant of at most one number a channel."""
    while tensor.op.type in ("Identity", "Cast"):
        tensor = tensor.op.inputs[0]
    return tensor.op.type == "Const" and (tensor.shape.num_elements() or 0) <= 3


def _order(outputs: int, labels: tuple[str, ...] | None) -> list[int] | None:
    """Which outputs to take, in mien's order; None: all as they are."""
    if labels is None:
        if outputs != len(LABELS):
            raise ModelError(
                f"The network has {outputs} outputs instead of {len(LABELS)}: name them in order with --labels, "
                f"{LEFT_OUT} for each that mien lacks."
            )
        return None
    if sorted(label for label in labels if label != LEFT_OUT) != sorted(LABELS):
        raise ModelError(f"--labels must name each of {', '.join(LABELS)} once, in the network's order.")
    if len(labels) != outputs:
        raise ModelError(f"--labels names {len(labels)} outputs, but the network has {outputs}.")
    order = [labels.index(label) for label in LABELS]
    return None if order == list(range(outputs)) else order


def _check_size(shape: tuple[int, int, int], how: Adaptation) -> None:
    if shape != (INPUT_SIDE, INPUT_SIDE, 1) and not how.resize:
        raise ModelError(
            f"The network takes {shape[0]} x {shape[1]} pixels of {shape[2]} channel{'s' * (shape[2] > 1)}, not "
            f"{INPUT_SIDE} x {INPUT_SIDE} grey ones: add --resize to scale the picture in the graph."
        )


def _kind(answers: NDArray[np.float32]) -> Literal["logits", "probabilities"]:
    """What softmax ends in, whatever it is given: shares that add up to one."""
    shares = bool((answers >= 0).all() and np.allclose(answers.sum(axis=1), 1, atol=1e-3))
    return "probabilities" if shares else "logits"


def _in_words(source: Source, levels: Levels, labels: tuple[str, ...] | None) -> str:
    height, width, channels = source.input_shape
    done = []
    if (height, width, channels) != (INPUT_SIDE, INPUT_SIDE, 1):
        done.append(f"picture brought to {height} x {width} x {channels}")
    if levels != "byte":
        done.append("grey levels brought to 0..1" if levels == "unit" else "grey levels brought to -1..1")
    if labels is not None and labels != LABELS:
        done.append(f"outputs reordered from {' '.join(labels)}")
    return ", ".join(done)
