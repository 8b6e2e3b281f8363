"""LiteRT or tflite-runtime, whichever is installed, behind one door."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, Literal

from mien.errors import ModelError
from mien.vision.native_stderr import suppress_native_stderr

Runtime = Literal["auto", "litert", "tflite-runtime"]

MODULES = {"litert": "ai_edge_litert.interpreter", "tflite-runtime": "tflite_runtime.interpreter"}
"""In order of preference: LiteRT is faster by far on int8; tflite-runtime is all there is on 32-bit ARM."""


def interpreter(network: bytes, runtime: Runtime, threads: int) -> Any:
    """An interpreter with its tensors allocated. Raises ModelError if no runtime is there or it refuses the network."""
    make = _interpreter_class(runtime)
    try:
        with suppress_native_stderr():  # LiteRT announces its delegate
            made = make(model_content=network, num_threads=threads)
            made.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        which = "inference" if runtime == "auto" else runtime
        raise ModelError(f"the {which} runtime refuses the network: {_first_line(error)}.") from None
    return made


def installed() -> list[str]:
    """Names of the runtimes that can be imported here, the preferred one first."""
    return [name for name in MODULES if _find(name) is not None]


def _interpreter_class(runtime: Runtime) -> Callable[..., Any]:
    for name in MODULES if runtime == "auto" else (runtime,):
        found = _find(name)
        if found is not None:
            return found
    wanted = "LiteRT nor tflite-runtime" if runtime == "auto" else f"{runtime}, which [model] runtime asks for,"
    raise ModelError(
        f"Neither {wanted} is installed: install ai-edge-litert."
        if runtime == "auto"
        else f'{wanted} is not installed: install it, or set runtime to "auto".'
    )


def _find(name: str) -> Callable[..., Any] | None:
    try:
        found: Callable[..., Any] = import_module(MODULES[name]).Interpreter
    except ImportError:
        return None
    return found


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200].rstrip(".")
