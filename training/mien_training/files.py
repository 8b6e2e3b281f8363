"""Files that are whole or not there."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mien.errors import InputError


def save_whole(path: Path, save: Callable[[Path], object]) -> None:
    """Let `save(path)` write elsewhere in the folder, and put the result in its place only when it is whole."""
    part = path.with_name(f"part-{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save(part)
        os.replace(part, path)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}.") from None
    finally:
        if part.exists():  # False also where the folder could not be made
            part.unlink()


def digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from None


def write_json(path: Path, value: Any) -> None:
    """Write JSON so that a kill leaves the old file or the new one."""
    save_whole(path, lambda part: part.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8"))


def read_json(path: Path, default: Any) -> Any:
    """The file's value, or the default where there is no file yet."""
    if not path.exists():
        return default
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise InputError(f"{path} is damaged: remove it to begin the run anew.") from None
