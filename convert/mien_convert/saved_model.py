"""Load SavedModel folders, of Keras and of others, in float32."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.python.framework import convert_to_constants

from mien.errors import ModelError
from mien_convert.keras_file import summarize
from mien_convert.progress import libraries_silenced

_SIGNATURE = "serving_default"
_LOW_PRECISION = (tf.float16.as_datatype_enum, tf.bfloat16.as_datatype_enum, tf.float64.as_datatype_enum)
_FLOAT32 = tf.float32.as_datatype_enum


@dataclass(frozen=True, slots=True)
class SavedNetwork:
    """A signature with one input and one output. Shapes have the batch first; None: of any rank."""

    call: Callable[[Any], Any]
    input_shape: list[int | None] | None
    output_shape: list[int | None] | None


def load_saved_model(path: Path) -> SavedNetwork:
    """Load the network of a folder. Raises ModelError if it is damaged, or has no signature of one image."""
    try:
        with libraries_silenced():
            loaded = _load(path)
            signatures = dict(loaded.signatures)
    except Exception as error:  # the loader raises almost anything
        raise ModelError(f"{path} is not a SavedModel that TensorFlow can load ({summarize(error)}).") from None
    name = next(iter(signatures)) if len(signatures) == 1 else _SIGNATURE
    if name not in signatures:
        has = f"the signatures {', '.join(sorted(signatures))}" if signatures else "no signature"
        raise ModelError(f"{path} has {has}: save it with a signature {_SIGNATURE} of one image.")
    signature = signatures[name]
    inputs, outputs = signature.structured_input_signature[1], signature.structured_outputs
    if len(inputs) != 1 or len(outputs) != 1:
        raise ModelError("The network must have one input and one output: give its single-image form.")
    [input_spec], [output_spec] = inputs.values(), outputs.values()
    try:
        with libraries_silenced():
            rebuilt = _in_float32(signature, input_spec)
    except ModelError:
        raise
    except Exception as error:  # of any part of TensorFlow
        raise ModelError(f"{path} cannot be rebuilt for conversion ({summarize(error)}).") from None

    def call(images: Any) -> Any:
        return tf.cast(rebuilt(tf.cast(images, rebuilt.inputs[0].dtype)), tf.float32)

    return SavedNetwork(call, _shape(input_spec), _shape(output_spec))


def _load(path: Path) -> Any:
    try:
        return tf.saved_model.load(str(path))
    except ValueError:  # several graphs: one to serve, others to train
        return tf.saved_model.load(str(path), tags=["serve"])


def _shape(spec: Any) -> list[int | None] | None:
    return None if spec.shape.rank is None else spec.shape.as_list()


def _in_float32(signature: Any, input_spec: Any) -> Any:
    """Return the function with its weights as constants, in float32, without side effects.

    In mixed precision the variables are float32 and are cast for each operation, so that nothing is lost here. A side
    effect is the seed of an augmentation layer, which counts on. Raises ModelError if that layer is active.
    """
    # the public function of the same module would build the graph again at once, with the side effects, and fail there
    data = convert_to_constants._FunctionConverterDataInEager(signature, False, False)  # noqa: SLF001
    definition, _ = convert_to_constants._replace_variables_by_constants(data)  # noqa: SLF001
    inputs, outputs = signature.inputs[0].op.name, signature.outputs[0].name
    for node in definition.node:
        node.input[:] = [name for name in node.input if not name.startswith("^")]  # the order of side effects
    definition = tf.compat.v1.graph_util.extract_sub_graph(definition, [signature.outputs[0].op.name, inputs])
    if any("Random" in node.op for node in definition.node):  # network.export of Keras 3 leaves them on
        raise ModelError(
            "The SavedModel's augmentation layers are active in it, so that its outputs are random: export the network "
            "without them, or give its .keras or .h5 file."
        )
    for node in (*definition.node, *(node for function in definition.library.function for node in function.node_def)):
        for value in node.attr.values():
            _raise_precision(value)
    for function in definition.library.function:
        for argument in (*function.signature.input_arg, *function.signature.output_arg):
            argument.type = _FLOAT32 if argument.type in _LOW_PRECISION else argument.type
    dtype = tf.float32 if input_spec.dtype.is_floating else input_spec.dtype

    def rebuilt(images: Any) -> Any:
        return tf.graph_util.import_graph_def(definition, input_map={inputs: images}, return_elements=[outputs])[0]

    return tf.compat.v1.wrap_function(rebuilt, [tf.TensorSpec(input_spec.shape, dtype)])


def _raise_precision(value: Any) -> None:
    """Change a node's attribute to float32: a type, a list of them, or a constant."""
    if value.type in _LOW_PRECISION:
        value.type = _FLOAT32
    if value.HasField("list") and value.list.type:
        value.list.type[:] = [_FLOAT32 if item in _LOW_PRECISION else item for item in value.list.type]
    if value.HasField("tensor") and value.tensor.dtype in _LOW_PRECISION:
        value.tensor.CopyFrom(tf.make_tensor_proto(tf.make_ndarray(value.tensor).astype("float32")))
