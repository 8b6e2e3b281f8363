"""Check requests and responses against the OpenAPI description of the Spotify Web API."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator


class ApiContract:
    """The description of each path, as published."""

    def __init__(self, file: Path) -> None:
        self._root = yaml.load(file.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        self._paths = [
            (re.compile("^" + re.sub(r"\{[^}]+\}", "[^/]+", path) + "$"), operations)
            for path, operations in self._root["paths"].items()
        ]
        self._validators: dict[int, Draft202012Validator] = {}
        for components in self._root["components"]["schemas"].values():
            _to_json_schema(components)
        _to_json_schema(self._root["components"]["responses"])
        _to_json_schema(self._root["paths"])

    def faults_of_request(self, method: str, path: str, query: dict[str, str], body: Any) -> list[str]:
        """Return a sentence for each thing that the description does not allow."""
        operation = self._operation(method, path)
        if operation is None:
            return [f"{method} {path} is not in the description"]
        faults = [f"{method} {path} is deprecated"] if operation.get("deprecated") else []
        known = {p["name"]: p for p in map(self._resolve, operation.get("parameters", [])) if p["in"] == "query"}
        for name, parameter in known.items():
            if name in query:
                faults += self._faults(_typed(query[name], parameter["schema"]), parameter["schema"], f"?{name}")
            elif parameter.get("required"):
                faults.append(f"{method} {path} lacks ?{name}")
        faults += [f"{method} {path} has no ?{name}" for name in query if name not in known]
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if body is not None:
            if content is None:
                faults.append(f"{method} {path} takes no body")
            else:
                unknown = set(body) - set(content["schema"].get("properties", {}))
                faults += [f"{method} {path} has no {name} in its body" for name in unknown]
                faults += self._faults(body, content["schema"], "body")
        return faults

    def faults_of_response(self, method: str, path: str, status: int, body: Any) -> list[str]:
        """Return a sentence for each thing that the description does not allow."""
        operation = self._operation(method, path)
        if operation is None:
            return []
        described = operation["responses"].get(str(status))
        if described is None:  # it lacks 404 and 5xx altogether
            return [] if status >= 400 else [f"{method} {path} has no response {status}"]
        content = self._resolve(described).get("content", {}).get("application/json")
        if content is None or status >= 400:  # its errors lack the player's reasons, and some are plain text
            return []
        return self._faults(body, content["schema"], f"{method} {path}")

    def _operation(self, method: str, path: str) -> dict[str, Any] | None:
        for pattern, operations in self._paths:
            if pattern.match(path) and method.lower() in operations:
                operation: dict[str, Any] = operations[method.lower()]
                return operation
        return None

    def _resolve(self, value: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in value:
            target: Any = self._root
            for part in value["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            value = target
        return value

    def _inlined(self, node: Any, inside: tuple[str, ...]) -> Any:
        """The schema without references, which cost jsonschema a walk through the whole file at each value."""
        if isinstance(node, list):
            return [self._inlined(each, inside) for each in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            name = node["$ref"]
            return {} if name in inside else self._inlined(self._resolve(node), (*inside, name))
        return {key: self._inlined(each, inside) for key, each in node.items() if key not in ("description", "example")}

    def _faults(self, value: Any, schema: dict[str, Any], where: str) -> list[str]:
        validator = self._validators.get(id(schema))
        if validator is None:
            validator = self._validators[id(schema)] = Draft202012Validator(self._inlined(schema, ()))
        return [f"{where} {error.json_path}: {error.message[:200]}" for error in validator.iter_errors(value)]


def _to_json_schema(node: Any) -> None:
    """Convert OpenAPI 3.0's nullable, and "can be null" in a description, to JSON Schema."""
    if isinstance(node, list):
        for each in node:
            _to_json_schema(each)
    elif isinstance(node, dict):
        for each in node.values():
            _to_json_schema(each)
        nullable = node.pop("nullable", False) is True or "`null`" in str(node.get("description", ""))
        if nullable and isinstance(node.get("type"), str):
            node["type"] = [node["type"], "null"]
        elif nullable and "allOf" in node:
            node["anyOf"] = [{"allOf": node.pop("allOf")}, {"type": "null"}]
        elif nullable and "oneOf" in node:
            node["oneOf"].append({"type": "null"})
        node.pop("discriminator", None)


def _typed(text: str, schema: dict[str, Any]) -> Any:
    if schema.get("type") == "integer" and re.fullmatch(r"-?\d+", text):
        return int(text)
    return text.split(",") if schema.get("type") == "array" else text
