"""From a network to a TFLite flatbuffer, in any of the four modes."""

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
from mien.vision.native_stderr import suppress_native_stderr
from mien_convert.progress import counted
from mien_convert.source import Function


def frozen(call: Function, shape: list[int]) -> Any:
    """The concrete function for a float32 input of that shape, its weights made constants."""
    with suppress_native_stderr():
        concrete = tf.function(call).get_concrete_function(tf.TensorSpec(shape, tf.float32, name="image"))
        return convert_variables_to_constants_v2(concrete)


def to_flatbuffer(call: Function, mode: Mode, calibration: NDArray[np.uint8]) -> bytes:
    """The flatbuffer of a function of grey levels, float32 (1, 48, 48, 1), 0 to 255.

    calibration: faces, uint8 (count, 48, 48, 1), whose activations set the ranges of int8; other modes need none.
    Raises ModelError, naming them, where TFLite lacks operators.
    """
    with suppress_native_stderr():
        converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen(call, [1, INPUT_SIDE, INPUT_SIDE, 1])])
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
        converter.representative_dataset = lambda: _inputs(calibration)
    try:
        with suppress_native_stderr():
            return bytes(converter.convert())
    except Exception as error:  # the converter has errors of its own and lets those of its parts through
        raise ModelError(_reason(str(error))) from None


def _inputs(faces: NDArray[np.uint8]) -> Iterator[list[NDArray[np.float32]]]:
    for face in counted(faces, "calibrating"):
        yield [face[np.newaxis].astype(np.float32)]


def _reason(text: str) -> str:
    """The converter's pages of text as one sentence."""
    named = re.findall(r"(?:TF Select|Custom) ops: ([^\n]+)", text) or re.findall(r"'(tf\.\w+)' op", text)
    if named:
        return f"TFLite lacks operators of this network ({', '.join(dict.fromkeys(named))}): replace those layers."
    first = next((line.strip() for line in text.splitlines() if line.strip()), "no reason given")
    return f"TFLite cannot convert this network: {first[:200].rstrip('.')}."
