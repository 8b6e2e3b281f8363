"""The cost of a network: bytes and multiply-adds, counted from the network itself.

Only layers with kernels are counted (convolutions and dense layers): each value of a kernel is used once for every
place of the layer's output, twice where the layer processes both sides of a face. Normalisation, activation and
pooling, a few per cent of the total, are not counted, as in published figures.
"""

from __future__ import annotations

from math import prod
from typing import NamedTuple

import keras
from ai_edge_litert import schema_py_generated as schema

from mien_training.networks.mirror_layers import MirrorBranch, MirrorMean

_WEIGHTED = {
    schema.BuiltinOperator.CONV_2D,
    schema.BuiltinOperator.DEPTHWISE_CONV_2D,
    schema.BuiltinOperator.FULLY_CONNECTED,
}
_TRANSPOSED = schema.BuiltinOperator.TRANSPOSE_CONV


class Cost(NamedTuple):
    """size: bytes of the stored network (of a Keras network as float32). multiply_adds: for one face."""

    size: int
    multiply_adds: int


def of_keras(model: keras.Model) -> Cost:
    """Return the cost of a Keras network with a fixed input size."""
    total, sides = 0, 1
    for layer in _layers(model):
        sides = {MirrorBranch: 2, MirrorMean: 1}.get(type(layer), sides)
        total += sides * _of_layer(layer)
    return Cost(4 * model.count_params(), total)


def _layers(model: keras.Model) -> list[keras.Layer]:
    """Return all layers, including those of nested models."""
    return [
        inner for layer in model.layers for inner in (_layers(layer) if isinstance(layer, keras.Model) else [layer])
    ]


def _of_layer(layer: keras.Layer) -> int:
    kernels = [weight for weight in layer.weights if weight.name.endswith("kernel")]
    if not kernels:
        return 0
    transposed = type(layer).__name__.endswith("Transpose")  # its kernel is used once for each input place
    shape = (layer.input if transposed else layer.output).shape
    return int(sum(prod(kernel.shape) for kernel in kernels) * prod(shape[1:-1]))


def of_tflite(flatbuffer: bytes) -> Cost:
    """Return the cost of a TFLite network, from its operators and the shapes of their tensors."""
    model = schema.Model.GetRootAs(flatbuffer, 0)
    graph = model.Subgraphs(0)
    shapes = [_shape(graph.Tensors(index)) for index in range(graph.TensorsLength())]
    total = 0
    for operator in (graph.Operators(index) for index in range(graph.OperatorsLength())):
        entry = model.OperatorCodes(operator.OpcodeIndex())
        code = max(entry.BuiltinCode(), entry.DeprecatedBuiltinCode())  # the second field ended at 127
        if code in _WEIGHTED or code == _TRANSPOSED:
            kernel = shapes[operator.Inputs(1)]
            places = shapes[operator.Inputs(2) if code == _TRANSPOSED else operator.Outputs(0)]
            total += prod(kernel) * prod(places[:-1])
    return Cost(len(flatbuffer), total)


def _shape(tensor: schema.Tensor) -> list[int]:
    return [tensor.Shape(axis) for axis in range(tensor.ShapeLength())]
