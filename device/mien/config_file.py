"""The configuration file: one TOML file, all of whose errors are reported at once."""

from __future__ import annotations

import difflib
import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from mien.config import Config
from mien.errors import ConfigError
from mien.text import text_file


def find() -> Path | None:
    """Return the configuration file in force: the system's, else the user's, else None."""
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    for path in (Path("/etc/mien/mien.toml"), home / "mien" / "mien.toml"):
        if path.is_file():
            return path
    return None


def load_effective(path: Path | None = None) -> Config:
    """Load the given file, or else the one that `find` returns. Raises ConfigError that names every fault."""
    return load(path or find())


def load(path: Path | None) -> Config:
    """Read a file, or return the defaults without one. Raises ConfigError that names every fault."""
    if path is None:
        return Config()
    try:
        text = text_file.decode(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise ConfigError(f"{path} {error}.") from None
    try:
        # old editors of the Mac end lines with a carriage return alone, which TOML does not allow
        values = tomllib.loads(text if "\n" in text else text.replace("\r", "\n"))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}.") from None
    config, faults = parse(values)
    if faults:
        raise ConfigError(f"{path}: " + "; ".join(faults) + ".")
    return config


def parse(values: dict[str, Any]) -> tuple[Config, list[str]]:
    """Check every section and key by itself, so that one fault hides no other.

    Returns the configuration, with defaults in the place of wrong values, and a sentence for each fault.
    """
    faults: list[str] = []
    sections: dict[str, Any] = {}
    kinds = {field.name: type(field.default) for field in msgspec.structs.fields(Config)}
    for name, section in values.items():
        if name not in kinds:
            faults.append(f"unknown section [{name}]{_did_you_mean(name, list(kinds))}")
        elif not isinstance(section, dict):
            faults.append(f"{name} must be a section: write [{name}]")
        else:
            sections[name] = _section(kinds[name], name, section, faults)
    if values.get("mqtt") and "mqtt" in sections and "host" not in values["mqtt"]:
        faults.append("mqtt.host is missing: name the broker, or leave the section out")
    config = Config(**sections)
    if config.music.enabled and not config.spotify.client_id:
        faults.append("music.enabled needs spotify.client_id, the client id of your own Spotify app")
    return config, faults


def example() -> str:
    """Return a file with every key, its description and its default.

    The keys are comments, so that a default that a later version changes is in force with an old file, too.
    """
    lines = ["# mien's configuration. A key in force is one without # before it; each is set to its default here."]
    for section in msgspec.structs.fields(Config):
        kind = type(section.default)
        lines += ["", f"[{section.name}]"]
        descriptions = _descriptions(kind)
        for field in msgspec.structs.fields(kind):
            lines += [f"# {descriptions[field.name]}", f"#{field.name} = {_toml(getattr(section.default, field.name))}"]
    return "\n".join(lines) + "\n"


def show(config: Config) -> str:
    """Return the configuration as TOML."""
    lines = []
    for section in msgspec.structs.fields(Config):
        values = msgspec.structs.asdict(getattr(config, section.name))
        lines += [f"[{section.name}]", *(f"{name} = {_toml(value)}" for name, value in values.items()), ""]
    return "\n".join(lines).rstrip() + "\n"


def _section(kind: type[msgspec.Struct], name: str, values: dict[str, Any], faults: list[str]) -> msgspec.Struct:
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    good = {}
    for key, value in values.items():
        if key not in fields:
            faults.append(f"unknown key {name}.{key}{_did_you_mean(key, list(fields))}")
            continue
        try:
            good[key] = msgspec.convert(value, fields[key].type)
        except msgspec.ValidationError as error:
            faults.append(f"{name}.{key}: {str(error)[0].lower()}{str(error)[1:]}{_format_choices(fields[key].type)}")
    return kind(**good)


def _format_choices(kind: Any) -> str:
    """Return the values that a key takes, in brackets; empty where they cannot be listed."""
    kind = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    choices = ", ".join(_toml(choice) for choice in get_args(kind)) if get_origin(kind) is Literal else ""
    return f" (known: {choices})" if choices else ""


def _did_you_mean(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f" (did you mean {close[0]}?)" if close else f" (known: {', '.join(known)})"


def _toml(value: str | float | bool | tuple[str, ...] | dict[str, str]) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f" {key} = {_toml(text)}" for key, text in value.items()) + " }"
    # TOML's basic strings, numbers, booleans and arrays are written as JSON's
    return msgspec.json.encode(value).decode()


def _descriptions(kind: type[msgspec.Struct]) -> dict[str, str]:
    """Return the description of each field of a section, from its `Meta(description=...)`."""
    hints = get_type_hints(kind, include_extras=True)
    return {
        name: next(meta.description for meta in hint.__metadata__ if meta.description) for name, hint in hints.items()
    }
