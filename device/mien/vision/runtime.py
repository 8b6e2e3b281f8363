"""The inference runtimes, LiteRT and tflite-runtime: which are installed, and an interpreter of either."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Literal

from mien.errors import ModelError
from mien.vision.native_stderr import suppress_native_stderr

Runtime = Literal["auto", "litert", "tflite-runtime"]

MODULES: Mapping[str, str] = {"litert": "ai_edge_litert.interpreter", "tflite-runtime": "tflite_runtime.interpreter"}
"""In order of preference: LiteRT is faster by far on int8; tflite-runtime is all there is on 32-bit ARM."""


def create_interpreter(network: bytes, runtime: Runtime, threads: int) -> Any:
    """Create an interpreter and allocate its tensors. Raises ModelError if no runtime is installed or it fails."""
    interpreter_class = _interpreter_class(runtime)
    try:
        with suppress_native_stderr():  # LiteRT prints the name of its delegate
            interpreter = interpreter_class(model_content=network, num_threads=threads)
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        name = "inference" if runtime == "auto" else runtime
        raise ModelError(f"the {name} runtime refuses the network: {_first_line(error)}.") from None
    return interpreter


def installed() -> list[str]:
    """Return the names of the runtimes that can be imported here, the preferred one first."""
    return [name for name in MODULES if _import_interpreter(name) is not None]


def _interpreter_class(runtime: Runtime) -> Callable[..., Any]:
    for name in MODULES if runtime == "auto" else (runtime,):
        interpreter_class = _import_interpreter(name)
        if interpreter_class is not None:
            return interpreter_class
    raise ModelError(
        "Neither LiteRT nor tflite-runtime is installed: install ai-edge-litert."
        if runtime == "auto"
        else f'{runtime}, which [model] runtime requires, is not installed: install it, or set runtime to "auto".'
    )


def _import_interpreter(name: str) -> Callable[..., Any] | None:
    try:
        interpreter_class: Callable[..., Any] = import_module(MODULES[name]).Interpreter
    except ImportError:
        return None
    return interpreter_class


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200].rstrip(".")
