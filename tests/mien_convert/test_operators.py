"""Operators: those that the oldest runtime lacks are refused, by a table that is measured on it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mien.errors import ModelError
from mien.vision import model_file
from mien.vision.runtime import installed
from tests.mien_convert.conftest import Convert, assert_refused

pytest.importorskip("tensorflow", reason="needs the extra 'training'")
pytestmark = pytest.mark.filterwarnings("ignore")  # TensorFlow and Keras warn about their own code

import keras  # noqa: E402  # after TensorFlow was found
import tensorflow as tf  # noqa: E402  # after TensorFlow was found

from mien_convert.operators import check_operators, oldest_runtime  # noqa: E402  # after TensorFlow was found
from tests.fakes.pattern_network import pattern_network, save_network  # noqa: E402  # after TensorFlow was found


def too_new_network() -> bytes:
    """Return dynamic-range weights with a scale for each unit of a dense layer: FULLY_CONNECTED version 12."""
    network = keras.Sequential([keras.Input((48, 48, 1)), keras.layers.Flatten(), keras.layers.Dense(7)])
    converter = tf.lite.TFLiteConverter.from_keras_model(network)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    return bytes(converter.convert())


def test_operators_too_new_for_the_oldest_runtime_are_refused(convert: Convert, faces: Path, tmp_path: Path) -> None:
    """Detected in the file itself, so also where tflite-runtime is not installed."""
    source, file = save_network(tmp_path / "net.keras", pattern_network()), tmp_path / "net.tflite"
    assert convert("quantize", source, "--data", faces, "--out", file, "--mode", "dynamic").code == 0
    network = too_new_network()
    with pytest.raises(ModelError, match="FULLY_CONNECTED version 12"):
        check_operators(network)
    file.write_bytes(model_file.pack(network, model_file.read(file)[1]))
    assert_refused(convert("verify", file, "--against", source, "--data", faces), 5, "FULLY_CONNECTED version 12")


MEASURE = """
import flatbuffers, json, sys
from ai_edge_litert import schema_py_generated as schema
from tflite_runtime.interpreter import Interpreter

def supports(code, version):
    used = schema.OperatorCodeT()
    used.builtinCode, used.deprecatedBuiltinCode, used.version = code, min(code, 127), version
    graph = schema.SubGraphT()
    graph.tensors = graph.inputs = graph.outputs = graph.operators = []
    model = schema.ModelT()
    model.version, model.operatorCodes, model.subgraphs = 3, [used], [graph]
    model.buffers, model.metadata = [schema.BufferT()], []
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    try:
        Interpreter(model_content=bytes(builder.Output()))
    except ValueError:
        return False
    return True

names = {name: code for name, code in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
latest = {name: max((v for v in range(1, 20) if supports(code, v)), default=0) for name, code in names.items()}
print(json.dumps({name: version for name, version in latest.items() if version}))
"""


def test_the_table_of_operators_is_that_of_the_oldest_runtime() -> None:
    """Measured on tflite-runtime 2.14 itself, operator by operator and version by version."""
    if "tflite-runtime" not in installed():
        pytest.skip("tflite-runtime is not installed")
    process = subprocess.run([sys.executable, "-c", MEASURE], capture_output=True, text=True, check=True)
    assert json.loads(process.stdout) == oldest_runtime()
