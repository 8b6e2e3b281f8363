"""The command line: a table of commands, whose modules are loaded when they run, and the exit codes."""

from __future__ import annotations

import argparse
import errno
import logging
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import NamedTuple, NoReturn

from mien import __version__
from mien.errors import InputError, MienError, UsageError

Arguments = argparse.Namespace


class Subcommand(NamedTuple):
    """An entry of the table of commands.

    module: has `add_arguments(parser)` and `run(arguments) -> int | None`. log_level: the lowest that is logged.
    """

    name: str
    module: str
    help: str
    log_level: int = logging.WARNING


COMMANDS = (
    Subcommand("run", "mien.commands.run", "Watch the camera and act on moods, until stopped.", logging.INFO),
    Subcommand("demo", "mien.commands.demo", "Show the whole chain on a built-in face: no camera, account or network."),
    Subcommand("classify", "mien.commands.classify", "Name the expression of every face in photos."),
    Subcommand("learn", "mien.commands.learn", "Learn how the people of this household show the expressions."),
    Subcommand(
        "recommend", "mien.commands.recommend", "Recommend songs for the face in a photo, or for an expression."
    ),
    Subcommand("music", "mien.commands.music", "Manage the catalogue of songs and the feedback on them."),
    Subcommand("spotify", "mien.commands.spotify", "Log in to Spotify, and show its status and devices."),
    Subcommand("play", "mien.commands.play", "Play music without a camera: to a given mood, or to moods from MQTT."),
    Subcommand("watch", "mien.commands.watch", "Show all nodes of the broker, live."),
    Subcommand("mqtt", "mien.commands.mqtt", "Remove a node from the broker and from Home Assistant."),
    Subcommand("config", "mien.commands.config", "Show, check or write a configuration file."),
    Subcommand(
        "doctor", "mien.commands.doctor", "Check everything that mien needs, and name the cure of what is not good."
    ),
    Subcommand("model", "mien.commands.model", "Show a model file's contract, or download the YuNet face detector."),
)


class Parser(argparse.ArgumentParser):
    """Reports a wrong command line like every other error: one sentence, exit code 2."""

    def error(self, message: str) -> NoReturn:
        """Raise the UsageError."""
        raise UsageError(f"{message}; see {self.prog} --help.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0 done, else the error's own, after one sentence on stderr."""
    arguments = sys.argv[1:] if arguments is None else arguments
    return guarded("mien", lambda: dispatch(parser(arguments).parse_args(arguments)))


def dispatch(arguments: Arguments) -> int:
    """Set up logging and call the command."""
    level = getattr(arguments, "log_level", logging.WARNING)
    logging.basicConfig(format="%(levelname)s: %(message)s", level=level)
    run: Callable[[Arguments], int | None] = arguments.function
    return run(arguments) or 0


def guarded(program: str, work: Callable[[], int]) -> int:
    """Do the work of a command; turn an error into one sentence and an exit code, never a traceback."""
    try:
        code = work()
        sys.stdout.flush()
    except MienError as error:
        print(f"{program}: {error}{_access_hint(str(error))}", file=sys.stderr)
        return error.exit_code
    except PermissionError as error:
        sentence = f"{error.filename} cannot be used: {error.strerror}."
        print(f"{program}: {sentence}{_access_hint(sentence)}", file=sys.stderr)
        return InputError.exit_code
    except BrokenPipeError:  # the reader of our output is gone: there is nothing left to write, not even at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        place = _innermost(error)
        print(f"{program}: unexpected {type(error).__name__} at {place}: {error}. Please report it.", file=sys.stderr)
        return 1
    return code


def parser(arguments: Sequence[str]) -> Parser:
    """Return the parser of all commands; only the one that the arguments name has its own arguments."""
    chosen = next((argument for argument in arguments if not argument.startswith("-")), None)
    top = Parser(prog="mien", description="A private mood sensor and DJ for the Raspberry Pi.")
    top.add_argument("--version", action="version", version=f"mien {__version__}")
    subparsers = top.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        subparser = subparsers.add_parser(command.name, help=command.help, description=command.help)
        if command.name == chosen:
            module = import_module(command.module)
            module.add_arguments(subparser)
            subparser.set_defaults(function=module.run, log_level=command.log_level)
    return top


def _access_hint(sentence: str) -> str:
    """Return what to do where the command of an installed service, which runs as its user, is denied a file."""
    if os.strerror(errno.EACCES) not in sentence or "SUDO_USER" not in os.environ:
        return ""
    return " mien runs as its service's user, which cannot enter home folders: copy the file to /tmp first."


def _innermost(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace is not None else "start"


if __name__ == "__main__":
    sys.exit(main())
