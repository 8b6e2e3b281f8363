"""Removing secrets and private details from what leaves this machine, and secrets from what is printed."""

from __future__ import annotations

import contextlib
import os
import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import msgspec

from mien.config import Config
from mien.doctor.subject import Subject
from mien.mqtt.broker import CREDENTIAL

MASK = "***"

_SECRET_KEYS = re.compile(r"(?i)pass|secret|token|client_?id|credential|auth|api_?key")
_PATTERNS = (
    re.compile(r"(?i)(?<=://)[^/\s@]+(?=@)"),  # USER:PASSWORD@ in an address
    re.compile(r"(?i)(?<=bearer )\S+"),
    re.compile(r"(?i)(?<=password[=:])\s*\S+"),
    re.compile(r"(?i)(?<=_token[=:])\s*\S+"),
)
_MIN_LENGTH = 4  # of a secret: shorter ones are part of any text
_MAX_FILE = 64 * 1024  # bytes
_SHOWN_TEXTS = {
    *("camera.source", "model.file", "vision.yunet_file", "mqtt.ca_file", "mqtt.cert_file", "music.quiet_hours"),
}
"""Keys of free text whose value helps to understand a fault and is not private; home folders are masked in them."""


class Masker:
    """Replaces the secrets of one installation, wherever they appear, by `MASK`."""

    def __init__(self, secrets: Iterable[str]) -> None:
        long_enough = {secret for secret in secrets if len(secret) >= _MIN_LENGTH}
        self._secrets = sorted(long_enough, key=len, reverse=True)  # one may contain another

    def mask(self, text: str) -> str:
        """Return a text without secrets."""
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        for pattern in _PATTERNS:
            text = pattern.sub(MASK, text)
        return text

    def mask_private(self, text: str) -> str:
        """Return a text without secrets and home folders' names, for other people."""
        return re.sub(r"/home/[^/\s]+", "~", self.mask(text))


def open_masker(subject: Subject) -> Masker:
    """Return the masker of an installation, with all its secrets: passwords, tokens, the client id."""
    return Masker(_collect_secrets(subject))


def mask_config(config: Config, masker: Masker) -> str:
    """Return the effective configuration as TOML: numbers and choices as they are, other texts masked where set."""
    lines = []
    for section in msgspec.structs.fields(Config):
        values = getattr(config, section.name)
        lines.append(f"[{section.name}]")
        for field in msgspec.structs.fields(type(section.default)):
            value = getattr(values, field.name)
            if isinstance(value, str):
                is_plain = value == field.default or f"{section.name}.{field.name}" in _SHOWN_TEXTS
                value = masker.mask_private(value) if is_plain or not _is_free(field.type) else MASK
            elif isinstance(value, dict):
                value = MASK if value else {}
            lines.append(f"{field.name} = {msgspec.json.encode(value).decode()}")
        lines.append("")
    return "\n".join(lines)


def _is_free(kind: Any) -> bool:
    """Return whether a key takes any text, not one of some choices."""
    return (get_args(kind)[0] if get_origin(kind) is Annotated else kind) is str


def _collect_secrets(subject: Subject) -> Iterator[str]:
    """Yield every secret that the configuration and the files beside it hold, valid or not."""
    files = [Path(os.environ.get("CREDENTIALS_DIRECTORY", "/nonexistent")) / CREDENTIAL]
    if subject.state is not None:
        files.append(subject.state / "spotify-token.json")
    with contextlib.suppress(OSError, ValueError, RecursionError):
        if subject.config_path is not None:
            for key, text in _texts(tomllib.loads(subject.config_path.read_text(encoding="utf-8"))):
                if key == "password_file" and text.startswith(("/", "~", ".")):
                    with contextlib.suppress(RuntimeError):  # no home folder
                        files.append(Path(text).expanduser())
                elif _SECRET_KEYS.search(key):
                    yield text  # also a password that was written in the place of its file's name
    for path in files:
        yield from _file_secrets(path)


def _file_secrets(path: Path) -> Iterator[str]:
    """Yield a file's lines, or the texts of a JSON object, but for the rights that a token gives."""
    with contextlib.suppress(OSError):
        if not path.is_file():  # a pipe might never end
            return
        with path.open("rb") as file:
            text = file.read(_MAX_FILE).decode(errors="replace")
        try:
            values = msgspec.json.decode(text)
        except (msgspec.MsgspecError, RecursionError):
            values = None
        if isinstance(values, dict):
            yield from (text for key, text in _texts(values) if key != "scope")
        else:
            yield from text.splitlines()


def _texts(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Yield each text in nested objects and arrays, with the key that holds it."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            # the key above counts too: [secrets] a = "..."
            yield from _texts(inner, f"{key}.{name}" if _SECRET_KEYS.search(key) else str(name))
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner, key)
