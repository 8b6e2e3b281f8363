"""Which operators a network uses, and whether the oldest runtime that mien serves knows them.

The table of what tflite-runtime 2.14.0 knows was measured on it, operator by operator; a test measures it again.
"""

from __future__ import annotations

import json
from importlib.resources import files

from ai_edge_litert import schema_py_generated as schema

from mien.errors import ModelError

_NAMES = {code: name for name, code in vars(schema.BuiltinOperator).items() if not name.startswith("_")}


def oldest_runtime() -> dict[str, int]:
    """Operators of tflite-runtime 2.14.0 by name, each with the latest version that it knows."""
    table: dict[str, int] = json.loads((files("mien_convert") / "tflite_runtime_2_14.json").read_text())
    return table


def operators(network: bytes) -> dict[str, int]:
    """Operators of a flatbuffer by name, each with the latest version that it uses."""
    model = schema.Model.GetRootAs(network, 0)
    found: dict[str, int] = {}
    for index in range(model.OperatorCodesLength()):
        used = model.OperatorCodes(index)
        code = max(used.BuiltinCode(), used.DeprecatedBuiltinCode())  # the second field ended at 127
        name = _NAMES.get(code, f"number {code}")
        if code == schema.BuiltinOperator.CUSTOM:
            name = f"custom {(used.CustomCode() or b'?').decode(errors='replace')}"
        found[name] = max(found.get(name, 1), used.Version())
    return dict(sorted(found.items()))


def too_new(network: bytes) -> list[str]:
    """What tflite-runtime 2.14 would refuse, in words; empty if it takes the network."""
    known = oldest_runtime()
    return [
        f"{name} version {version} (tflite-runtime 2.14 knows {known.get(name, 'none')})"
        for name, version in operators(network).items()
        if version > known.get(name, 0)
    ]


def check(network: bytes) -> None:
    """Raises ModelError for what tflite-runtime 2.14 would refuse."""
    if refused := too_new(network):
        raise ModelError(f"The network needs {', '.join(refused)}: replace those layers, or choose another --mode.")
