"""What is examined: one installation, with its machine, configuration and state."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mien.config import Config
from mien.config_file import find, load
from mien.doctor.system import System
from mien.errors import ConfigError
from mien.state import state_directory


@dataclass(frozen=True, slots=True)
class Subject:
    """An installation.

    config: the defaults where the file has a fault. config_path: None without a file. config_fault, state_fault: a
    sentence; empty where there is no fault. state: the state directory; None where there is none.
    """

    system: System
    config: Config
    config_path: Path | None = None
    config_fault: str = ""
    state: Path | None = None
    state_fault: str = ""


def open_subject(config_path: Path | None, system: System) -> Subject:
    """Return this installation. config_path: of the configuration file; None for the one in force."""
    config, config_fault = Config(), ""
    state, state_fault = None, ""
    path = config_path or find()
    try:
        config = load(path)
    except ConfigError as error:
        config_fault = str(error)
    try:
        state = state_directory()
    except ConfigError as error:
        state_fault = str(error)
    return Subject(system, config, path, config_fault, state, state_fault)
