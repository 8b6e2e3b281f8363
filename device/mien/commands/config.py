"""`mien config`: the configuration in force, a check of it, and a file to begin with."""

from __future__ import annotations

import argparse

from mien.commands.arguments import add_config
from mien.config_file import example, find, load, show


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `mien config`."""
    parser.add_argument("action", choices=("show", "check", "example"))
    add_config(parser)


def run(arguments: argparse.Namespace) -> None:
    """Print the example, or load the configuration, which raises ConfigError where it is wrong, and report on it."""
    if arguments.action == "example":
        print(example(), end="")
        return
    path = arguments.config or find()
    config = load(path)
    if arguments.action == "show":
        print(f"# from {path or 'built-in defaults'}\n{show(config)}", end="")
    else:
        print(f"{path} is valid." if path else "There is no configuration file: the built-in defaults are in force.")
