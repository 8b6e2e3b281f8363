"""Convert a network to a TFLite flatbuffer, in any of the four modes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from mien.errors import ModelError
from mien.vision.crop import INPUT_SIDE
from mien.vision.model_file import Mode
from mien_convert.progress import libraries_silenced, with_progress
from mien_convert.source import Function


def freeze_graph(call: Function, shape: list[int]) -> Any:
    """Return the concrete function for a float32 input of that shape, with its weights as constants."""
    with libraries_silenced():
        concrete = tf.function(call).get_concrete_function(tf.TensorSpec(shape, tf.float32, name="image"))
        return convert_variables_to_constants_v2(concrete)


def to_flatbuffer(call: Function, mode: Mode, representative: NDArray[np.uint8]) -> bytes:
    """Return the flatbuffer of a function of grey levels, float32 (1, 48, 48, 1), 0 to 255.

    representative: faces, uint8 (count, 48, 48, 1), whose activations set the ranges of int8; other modes ignore them.
    Raises ModelError with the names of the operators that TFLite lacks.
    """
    with libraries_silenced():
        graph = freeze_graph(call, [1, INPUT_SIDE, INPUT_SIDE, 1])
        converter = tf.lite.TFLiteConverter.from_concrete_functions([graph])
    if mode != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if mode == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if mode == "dynamic":
        # A scale for each unit of a dense layer takes FULLY_CONNECTED version 12, which tflite-runtime 2.14 lacks.
        converter._experimental_disable_per_channel_quantization_for_dense_layers = True  # noqa: SLF001  # the only way
    if mode == "int8":
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
        converter.representative_dataset = lambda: _representative_dataset(representative)
    try:
        with libraries_silenced():
            return bytes(converter.convert())
    except Exception as error:  # the converter has its own errors and does not catch those of its parts
        raise ModelError(_summarize_error(str(error))) from None


def _representative_dataset(faces: NDArray[np.uint8]) -> Iterator[list[NDArray[np.float32]]]:
    for face in with_progress(faces, "calibrating"):
        yield [face[np.newaxis].astype(np.float32)]


def _summarize_error(text: str) -> str:
    """Return the converter's pages of text as one sentence."""
    operators = re.findall(r"(?:TF Select|Custom) ops: ([^\n]+)", text) or re.findall(r"'(tf\.\w+)' op", text)
    if operators:
        return f"TFLite lacks operators of this network ({', '.join(dict.fromkeys(operators))}): replace those layers."
    first_line = next((line.strip() for line in text.splitlines() if line.strip()), "no reason given")
    return f"TFLite cannot convert this network: {first_line[:200].rstrip('.')}."
