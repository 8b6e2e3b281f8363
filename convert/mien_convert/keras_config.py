"""Prepare the configuration of a Keras network, of any year, for Keras 3 and for conversion.

Keras 2 wrote options that Keras 3 refuses, networks trained in mixed precision name it in every layer, and some hold
code. All of that stands in the configuration, which is JSON: it is read and mended here before Keras gets it.
"""

from __future__ import annotations

import inspect
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import keras

from mien.errors import ModelError

_MODELS = {"Sequential": keras.Sequential, "Functional": keras.Model, "Model": keras.Model}
_PUBLIC = (keras.layers, keras.initializers, keras.regularizers, keras.constraints)
_OF_KERAS = ("keras", "tf_keras", "tensorflow.python.keras", "builtins")  # packages whose classes have Keras's names
_LOW_PRECISION = ("float16", "bfloat16", "float64", "mixed_float16", "mixed_bfloat16")
_NEUTRAL = (None, False, 0, 1)  # values with which an option changes nothing


@dataclass
class Findings:
    """What stands in the way of loading a network: names of layers with code, of unknown classes, and faults."""

    lambdas: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def build_network(config: dict[str, Any]) -> keras.Model:
    """Build the network of a configuration, in float32 and with channels last, with random weights.

    Raises ModelError if it holds code, or classes and options that Keras 3 lacks. Code of the file is never executed.
    """
    findings = Findings()
    prepared = prepare(config, findings)
    if findings.lambdas:
        raise ModelError(
            f"it has a Lambda layer ({_listed(findings.lambdas)}), which is Python code and is never executed from a "
            "file: replace it by a layer, for example Rescaling"
        )
    if findings.unknown:
        raise ModelError(f"Keras 3 has no {_listed(findings.unknown)}: such code is not part of the file")
    if findings.faults:
        raise ModelError(_listed(findings.faults))
    if prepared.get("class_name") not in _MODELS:
        raise ModelError(f"it is not a Sequential or functional network but a {prepared.get('class_name')}")
    inner = prepared["config"]
    if prepared["class_name"] == "Sequential":
        return keras.Sequential.from_config(inner)
    return keras.Model.from_config(inner)


def prepare(node: Any, findings: Findings) -> Any:
    """Return a part of a configuration as Keras 3 takes it, in float32."""
    if isinstance(node, list):
        return [prepare(item, findings) for item in node]
    if not isinstance(node, dict):
        return node
    if not isinstance(node.get("class_name"), str):
        return {
            key: _precision(value, findings) if key == "dtype" else prepare(value, findings)
            for key, value in node.items()
        }
    if node["class_name"] in ("Lambda", "__lambda__"):
        findings.lambdas.append(str((_config_of(node)).get("name", "without a name")))
        return node
    if node["class_name"].startswith("__"):  # __tensor__, __numpy__ and other values
        return {key: prepare(value, findings) for key, value in node.items()}
    return _prepare_object(node, findings)


def _prepare_object(node: dict[str, Any], findings: Findings) -> dict[str, Any]:
    """Return the configuration of a layer, a network, an initializer or a function."""
    name, config = node["class_name"], node.get("config")
    if name == "function":
        if _find_class(node | {"class_name": config}, keras.activations) is None:
            findings.unknown.append(f"function {config}")
        return node
    if name in _MODELS and _is_of_keras(node):
        return _prepare_network(node, findings)
    kind = _find_class(node, *_PUBLIC)
    if kind is None:
        findings.unknown.append(name)
        return node
    if _config_of(node).get("data_format") == "channels_first":
        findings.faults.append(
            "its layers take channels first, which TensorFlow computes on GPUs only: build it with channels last, for "
            "which the weights are the same"
        )
    prepared = prepare({key: value for key, value in node.items() if key != "class_name"}, findings)
    prepared["class_name"] = name
    if isinstance(prepared.get("config"), dict):
        modern = _modernize(name, prepared["config"])
        # while something else is unknown, a layer inside may be: then this one cannot be tried
        prepared["config"] = modern if findings.unknown or findings.lambdas else _accepted(kind, modern, findings)
    if "module" in node and _is_of_keras(node) and not _resolves(node):
        prepared |= {"module": _public_module(kind), "registered_name": None}
    return dict(prepared)


def _prepare_network(node: dict[str, Any], findings: Findings) -> dict[str, Any]:
    """Return the configuration of a network: the whole one, or one that is a layer of another."""
    name, config = node["class_name"], node.get("config")
    inner = (
        {"name": name.lower(), "layers": config} if isinstance(config, list) else _config_of(node)
    )  # a list: Keras 1
    inner = prepare(inner, findings)
    _renumber_calls(inner)
    if isinstance(inputs := inner.get("input_layers"), list) and len(inputs) == 1 and isinstance(inputs[0], list):
        inner["input_layers"] = inputs[0]  # Keras 3 would expect a list of one image
    prepared = {"class_name": name, "config": inner}
    prepared |= {key: prepare(node[key], findings) for key in ("name", "inbound_nodes") if key in node}
    if "module" in node:
        prepared |= {"module": "keras.models", "registered_name": None}
    return prepared


def _renumber_calls(config: dict[str, Any]) -> None:
    """Count the calls of each layer from 0: in Keras 2, building a Sequential inside a network was its first call."""
    layers = [layer for layer in config.get("layers") or [] if isinstance(layer, dict)]
    calls = {str(layer.get("name")): max(1, len(layer.get("inbound_nodes") or [])) for layer in layers}
    references = list(_references([layer.get("inbound_nodes") for layer in layers], calls))
    references += _references([config.get("output_layers"), config.get("input_layers")], calls)
    excess: dict[str, int] = {}
    for name, call, *_ in references:
        excess[name] = max(excess.get(name, 0), call - calls[name] + 1)
    for reference in references:
        reference[1] -= excess[reference[0]]


def _references(node: Any, names: Container[str]) -> Iterator[list[Any]]:
    """Yield the lists [layer, call, tensor, ...] inside."""
    if isinstance(node, dict):
        node = list(node.values())
    if isinstance(node, list):
        if len(node) >= 3 and isinstance(node[0], str) and node[0] in names and isinstance(node[1], int):
            yield node
        for item in node:
            yield from _references(item, names)


def _modernize(name: str, config: dict[str, Any]) -> dict[str, Any]:
    """Return a layer's options with Keras 3's names and forms."""
    config = dict(config)
    if (shape := config.pop("batch_input_shape", None)) is not None:
        key, value = ("batch_shape", shape) if name == "InputLayer" else ("input_shape", shape[1:])
        config[key] = value
    if isinstance(axis := config.get("axis"), list) and len(axis) == 1:
        config["axis"] = axis[0]
    return config


def _accepted(kind: Any, config: dict[str, Any], findings: Findings) -> dict[str, Any]:
    """Return the options that the class takes. Those that it refuses are dropped if they change nothing.

    An option is known by the signatures of the class and its bases; one that is not may still be taken as an older name
    of another, so the class is tried with it.
    """
    names = _parameters(kind)
    known = {key: value for key, value in config.items() if key in names}
    for key in config.keys() - known.keys():
        if _takes(kind, known | {key: config[key]}):
            known[key] = config[key]
        elif key != "trainable" and not _changes_nothing(config[key]):
            findings.faults.append(f"Keras 3's {kind.__name__} has no option {key}={config[key]}")
    return {key: config[key] for key in config if key in known}


def _parameters(kind: Any) -> set[str]:
    """Return the parameters of a class, and of its bases as far as further ones are passed on to them."""
    names: set[str] = set()
    for base in inspect.getmro(kind):
        parameters = inspect.signature(base.__init__).parameters  # type: ignore[misc]  # of the class itself
        names |= parameters.keys()
        if all(parameter.kind != parameter.VAR_KEYWORD for parameter in parameters.values()):
            break
    return names


def _takes(kind: Any, config: dict[str, Any]) -> bool:
    try:
        kind.from_config(dict(config))
    except Exception:  # a class may refuse in any way
        return False
    return True


def _changes_nothing(value: Any) -> bool:
    """Return whether an option can be dropped: neutral numbers, names, and initializers, which only training needs."""
    return isinstance(value, str | dict) or (value is not True and value in (*_NEUTRAL, [], [1], [1, 1]))


def _precision(policy: Any, findings: Findings) -> Any:
    """Return float32 for a precision that is not, and other types, such as int32, as they are."""
    if isinstance(policy, dict):
        config = policy.get("config")
        policy = config.get("name") if isinstance(config, dict) else None
        if "_from_" in str(policy):  # as in int8_from_float32
            findings.faults.append(f"Keras quantised its weights ({policy}): save it without that")
        return "float32"
    return "float32" if policy in _LOW_PRECISION else policy


def _find_class(node: dict[str, Any], *modules: Any) -> Any:
    """Return the class or function that a part of a configuration names; None for one that is not Keras's or ours."""
    name = node["class_name"]
    if not isinstance(name, str):
        return None
    for registered in (node.get("registered_name"), name):
        if registered and (layer := keras.saving.get_registered_object(registered)) is not None:
            return layer
    if not _is_of_keras(node):
        return None
    if _resolves(node):
        return getattr(import_module(node["module"]), name) if _is_part(node, modules) else None
    return next((getattr(module, name) for module in modules if hasattr(module, name)), None)


def _is_part(node: dict[str, Any], modules: tuple[Any, ...]) -> bool:
    """Return whether it is a layer, an operation, an initializer, a regularizer, a constraint or an activation."""
    part = getattr(import_module(node["module"]), node["class_name"])
    kinds = (keras.Operation, keras.Initializer, keras.Regularizer, keras.constraints.Constraint)
    return issubclass(part, kinds) if isinstance(part, type) else keras.activations in modules


def _is_of_keras(node: dict[str, Any]) -> bool:
    """Return whether it may be a part of Keras: legacy configurations do not name the module."""
    return (node.get("module") or "keras").split(".src")[0].startswith(_OF_KERAS) and ">" not in str(
        node.get("registered_name")
    )


def _resolves(node: dict[str, Any]) -> bool:
    """Return whether its module is one of Keras 3 that has the name."""
    module = node.get("module") or ""
    if module.partition(".")[0] != "keras":
        return False
    try:
        return hasattr(import_module(module), node["class_name"])
    except ImportError:
        return False


def _public_module(kind: Any) -> str:
    return next((module.__name__ for module in _PUBLIC if hasattr(module, kind.__name__)), "keras.layers")


def _config_of(node: dict[str, Any]) -> dict[str, Any]:
    config = node.get("config")
    return config if isinstance(config, dict) else {}


def _listed(names: list[str]) -> str:
    """Return the first of several names, each once."""
    names = list(dict.fromkeys(names))
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
