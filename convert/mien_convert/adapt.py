"""Adapt any network to the device's interface: 48 x 48 grey levels of 0 to 255 in, mien's seven labels in order out.

The adaptation becomes part of the graph, so the device treats every network alike.
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
from mien_convert.flatbuffer import freeze_graph
from mien_convert.keras_file import summarize
from mien_convert.progress import libraries_silenced
from mien_convert.source import Function, Source

Levels = Literal["unit", "signed", "byte"]
LEVELS: dict[Levels, tuple[float, float]] = {"unit": (1 / 255, 0.0), "signed": (1 / 127.5, -1.0), "byte": (1.0, 0.0)}
"""Scale and offset from grey levels to the range of a network's training: 0 to 1, -1 to 1, or 0 to 255."""

UNUSED_OUTPUT = "-"
"""Marks an output in --labels that mien has no label for."""

_BATCH = 256
_TRANSPARENT = ("Identity", "Cast", "Reshape", "Squeeze", "ExpandDims", "Pad", "ResizeBilinear", "ConcatV2", "Tile")


@dataclass(frozen=True, slots=True)
class Adaptation:
    """The user's options for one network.

    labels: of its outputs, in order; None: mien's. levels: its input range; None: detected from the graph.
    resize: scale the image to the network's own size and channels.
    view: the labels to evaluate it against; None: those of its run, else the data's own.
    """

    labels: tuple[str, ...] | None = None
    levels: Levels | None = None
    resize: bool = False
    view: View | None = None


@dataclass(frozen=True, slots=True)
class AdaptedNetwork:
    """A source with the device's interface.

    call, folded: float32 (count, 48, 48, 1), 0 to 255 -> float32 (count, 7). output: "logits" or "probabilities".
    adapted: description of the adaptation.
    """

    source: Source
    call: Function
    folded: Function
    output: Literal["logits", "probabilities"]
    adapted: str

    def logits(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return float32 (count, 7) for uint8 (count, 48, 48, 1); logarithms if the network outputs probabilities."""
        size = self.source.batch or _BATCH
        padded = np.concatenate([images, np.zeros((-len(images) % size, *images.shape[1:]), np.uint8)])
        with libraries_silenced():
            parts = [self.call(tf.constant(padded[i : i + size], tf.float32)) for i in range(0, len(padded), size)]
        raw = np.concatenate([part.numpy() for part in parts])[: len(images)]
        if self.output == "probabilities":
            raw = np.log(np.maximum(raw, np.finfo(np.float32).tiny))
        return np.asarray(raw, np.float32)


def adapt(source: Source, options: Adaptation) -> AdaptedNetwork:
    """Return the adapted network. Raises ModelError if the source does not fit and the options do not make it fit."""
    order = _output_order(source.outputs, options.labels)
    _check_size(source.input_shape, options)
    _check_runs(source)
    levels: Levels = options.levels or ("byte" if has_normalization(source) else "unit")

    def prepare(grey: Any) -> Any:
        scale, offset = LEVELS[levels]
        height, width, channels = source.input_shape
        image = tf.image.resize(grey, (height, width)) if (height, width) != (INPUT_SIDE, INPUT_SIDE) else grey
        image = image if levels == "byte" else image * scale + offset
        return tf.concat([image] * channels, axis=3) if channels > 1 else image

    def wrap(inner: Function) -> Function:
        def call(grey: Any) -> Any:
            outputs = inner(prepare(grey))
            return outputs if order is None else tf.gather(outputs, order, axis=1)

        return call

    noise = np.random.default_rng(0).integers(0, 256, (source.batch or 8, INPUT_SIDE, INPUT_SIDE, 1))
    with libraries_silenced():
        output = _output_kind(source.call(prepare(tf.constant(noise, tf.float32))).numpy())
    call = tf.function(wrap(source.call))  # traced once, however often it is called
    return AdaptedNetwork(source, call, wrap(source.folded), output, _format_adaptation(source, levels, options.labels))


def _check_runs(source: Source) -> None:
    """Raise ModelError if TensorFlow cannot compute the network on this machine's CPU."""
    try:
        with libraries_silenced():
            outputs = source.call(tf.zeros([source.batch or 1, *source.input_shape])).numpy()
    except Exception as error:  # each kernel raises its own
        raise ModelError(f"TensorFlow cannot compute this network on a CPU: {summarize(error)}.") from None
    if not np.isfinite(outputs).all():
        raise ModelError("The network's outputs are not finite even for a black image: its weights are damaged.")


def has_normalization(source: Source) -> bool:
    """Return whether the graph first scales or shifts its image by constants: Rescaling, Normalization."""
    graph = freeze_graph(source.call, [source.batch or 1, *source.input_shape]).graph
    reached: set[str] = set()
    for operator in graph.get_operations():
        if operator.type == "Placeholder":
            reached.add(operator.outputs[0].name)
        elif any(tensor.name in reached for tensor in operator.inputs):
            if operator.type not in _TRANSPARENT:
                operands = [tensor for tensor in operator.inputs if tensor.name not in reached]
                return operator.type in ("Mul", "Sub", "RealDiv", "AddV2") and all(map(_is_constant, operands))
            reached.update(tensor.name for tensor in operator.outputs)
    return False


def _is_constant(tensor: Any) -> bool:
    """Return whether it is a constant of at most one number per channel."""
    while tensor.op.type in ("Identity", "Cast"):
        tensor = tensor.op.inputs[0]
    return tensor.op.type == "Const" and (tensor.shape.num_elements() or 0) <= 3


def _output_order(outputs: int, labels: tuple[str, ...] | None) -> list[int] | None:
    """Return the indices of the outputs in mien's order; None if they already are."""
    if labels is None:
        if outputs != len(LABELS):
            raise ModelError(
                f"The network has {outputs} outputs instead of {len(LABELS)}: name them in order with --labels, "
                f"{UNUSED_OUTPUT} for each that mien lacks."
            )
        return None
    if sorted(label for label in labels if label != UNUSED_OUTPUT) != sorted(LABELS):
        raise ModelError(f"--labels must name each of {', '.join(LABELS)} once, in the network's order.")
    if len(labels) != outputs:
        raise ModelError(f"--labels names {len(labels)} outputs, but the network has {outputs}.")
    order = [labels.index(label) for label in LABELS]
    return None if order == list(range(outputs)) else order


def _check_size(shape: tuple[int, int, int], options: Adaptation) -> None:
    if shape != (INPUT_SIDE, INPUT_SIDE, 1) and not options.resize:
        raise ModelError(
            f"The network takes {shape[0]} x {shape[1]} pixels of {shape[2]} channel{'s' * (shape[2] > 1)}, not "
            f"{INPUT_SIDE} x {INPUT_SIDE} grey ones: add --resize to scale the image in the graph."
        )


def _output_kind(outputs: NDArray[np.float32]) -> Literal["logits", "probabilities"]:
    """Return "probabilities" for outputs of softmax: none negative, and each row adds up to one."""
    is_softmax = bool((outputs >= 0).all() and np.allclose(outputs.sum(axis=1), 1, atol=1e-3))
    return "probabilities" if is_softmax else "logits"


def _format_adaptation(source: Source, levels: Levels, labels: tuple[str, ...] | None) -> str:
    height, width, channels = source.input_shape
    steps = []
    if (height, width, channels) != (INPUT_SIDE, INPUT_SIDE, 1):
        steps.append(f"image scaled to {height} x {width} x {channels}")
    if levels != "byte":
        steps.append("grey levels scaled to 0..1" if levels == "unit" else "grey levels scaled to -1..1")
    if labels is not None and labels != LABELS:
        steps.append(f"outputs reordered from {' '.join(labels)}")
    return ", ".join(steps)
