"""List the operators of a network, and check them against the oldest runtime that mien supports.

The table of what tflite-runtime 2.14.0 supports was measured on it, operator by operator; a test repeats that.
"""

from __future__ import annotations

import json
from importlib.resources import files

from ai_edge_litert import schema_py_generated as schema

from mien.errors import ModelError

_NAMES = {code: name for name, code in vars(schema.BuiltinOperator).items() if not name.startswith("_")}


def oldest_runtime() -> dict[str, int]:
    """Return the operators of tflite-runtime 2.14.0 by name, each with the latest version that it supports."""
    table: dict[str, int] = json.loads((files("mien_convert") / "tflite_runtime_2_14.json").read_text())
    return table


def operators(network: bytes) -> dict[str, int]:
    """Return the operators of a flatbuffer by name, each with the latest version that it uses."""
    model = schema.Model.GetRootAs(network, 0)
    versions: dict[str, int] = {}
    for index in range(model.OperatorCodesLength()):
        operator = model.OperatorCodes(index)
        code = max(operator.BuiltinCode(), operator.DeprecatedBuiltinCode())  # the second field ended at 127
        name = _NAMES.get(code, f"number {code}")
        if code == schema.BuiltinOperator.CUSTOM:
            name = f"custom {(operator.CustomCode() or b'?').decode(errors='replace')}"
        versions[name] = max(versions.get(name, 1), operator.Version())
    return dict(sorted(versions.items()))


def unsupported_operators(network: bytes) -> list[str]:
    """Describe each operator that tflite-runtime 2.14 does not support; empty if it supports all of them."""
    supported = oldest_runtime()
    return [
        f"{name} version {version} (tflite-runtime 2.14 supports {supported.get(name, 'none')})"
        for name, version in operators(network).items()
        if version > supported.get(name, 0)
    ]


def check_operators(network: bytes) -> None:
    """Raise ModelError for operators that tflite-runtime 2.14 does not support."""
    if unsupported := unsupported_operators(network):
        raise ModelError(f"The network needs {', '.join(unsupported)}: replace those layers, or choose another --mode.")
