"""Reading and writing the files of runs and reports, atomically."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mien.errors import InputError


def save_atomically(path: Path, save: Callable[[Path], object]) -> None:
    """Call `save` with a temporary path in the same folder, and rename the complete result to `path`.

    Raises InputError where the folder or the file cannot be written.
    """
    part = path.with_name(f"part-{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save(part)
        os.replace(part, path)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}.") from None
    finally:
        if part.exists():  # False also where the folder could not be created
            part.unlink()


def digest(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal. Raises InputError where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from None


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically: a kill leaves the old file or the new one."""
    save_atomically(path, lambda part: part.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8"))


def read_json(path: Path, default: Any) -> Any:
    """Return the file's value, or the default where the file does not exist. Raises InputError where it is damaged."""
    if not path.exists():
        return default
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError:
        raise InputError(f"{path} is damaged: remove it to start the run again.") from None
