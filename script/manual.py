# ruff: noqa: INP001  # a script, not part of a package
"""Print mien's man page or its completion for bash, both made from the parsers of its commands.

python script/manual.py man           # mien.1
python script/manual.py completion    # for /usr/share/bash-completion/completions/mien
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from mien import __version__
from mien.cli import COMMANDS, Parser
from mien.cli import parser as top_parser

DESCRIPTION = (
    "mien detects a face in the camera's picture, classifies its expression, and turns the readings into a steady "
    "mood, to which it plays music or which it reports to Home Assistant. No picture is stored or sent."
)
SERVICE = (
    "An installed mien runs as a service, mien.service. Its command addresses the state and the configuration of that "
    "service, as its user: for people in the group mien without a password."
)
EXIT_CODES = {
    0: "Done.",
    1: "An unexpected error.",
    2: "The command line is wrong.",
    3: "The configuration cannot be used.",
    4: "A camera, a picture or a data set cannot be read.",
    5: "A model file or an inference runtime cannot be used.",
    6: "A remote service refused for good.",
}
FILES = {
    "/etc/mien/mien.toml": "The configuration; without it, ~/.config/mien/mien.toml of the user that runs mien.",
    "/var/lib/mien": "The state of the service: songs, feedback, logins, the YuNet detector.",
    "/opt/mien/current": "The installed version.",
}

COMPLETION = """\
# Completion of mien's commands for bash, made by script/manual.py.
_mien() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD - 1]}}
  local command="" action="" words="" files="" word
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    case $word in -*) continue ;; esac
    if [ -z "$command" ]; then command=$word; elif [ -z "$action" ]; then action=$word; fi
  done
  case "$command $action" in
    ' ') words='{top}' ;;
    {words}
  esac
  case "$command $action $before" in
    {values}
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" ${{files:+-f}} -- "$current")
  [ -z "$files" ] || compopt -o filenames 2>/dev/null
}}
complete -F _mien mien
"""


@dataclass(frozen=True)
class Command:
    """A command or one of its actions: the words after "mien" and its parser."""

    words: str
    parser: argparse.ArgumentParser
    help: str

    def arguments(self) -> list[argparse.Action]:
        """Return its options and positionals, without --help and without the choice of an action below it."""
        return [
            action
            for action in self.parser._actions  # noqa: SLF001 - argparse has no public list of them
            if not isinstance(action, argparse._HelpAction | argparse._SubParsersAction)  # noqa: SLF001
        ]

    def actions(self) -> list[Command]:
        """Return the actions below it, as "mien music import" is one of "mien music"."""
        return [
            Command(f"{self.words} {name}", parser, parser.description or "")
            for group in self.parser._actions  # noqa: SLF001 - as above
            if isinstance(group, argparse._SubParsersAction)  # noqa: SLF001
            for name, parser in group.choices.items()
        ]


def commands() -> Iterator[Command]:
    """Yield every command, each followed by its actions."""
    for entry in COMMANDS:
        parser = Parser(prog=f"mien {entry.name}", description=entry.help)
        import_module(entry.module).add_arguments(parser)
        command = Command(entry.name, parser, entry.help)
        yield command
        yield from command.actions()


def man_page() -> str:
    """Return the manual page in roff."""
    lines = [f'.TH MIEN 1 "" "mien {__version__}" "User Commands"', ".SH NAME"]
    lines += [r"mien \- a private mood sensor and DJ for the Raspberry Pi", ".SH SYNOPSIS"]
    lines += [r"\fBmien\fR \fICOMMAND\fR [\fIARGUMENT\fR ...]", ".SH DESCRIPTION"]
    lines += [_roff(DESCRIPTION), ".PP", _roff(SERVICE), ".SH COMMANDS"]
    for command in commands():
        lines += [".TP", rf"\fBmien {_roff(command.words)}\fR {_usage(command)}".rstrip(), _roff(command.help)]
        for argument in command.arguments():
            if argument.help:
                lines += [".RS", ".TP", _heading(argument), _roff(argument.help.replace("%%", "%")), ".RE"]
    for title, table in (("EXIT STATUS", EXIT_CODES), ("FILES", FILES)):
        lines.append(f".SH {title}")
        for name, text in table.items():
            lines += [".TP", rf"\fB{_roff(str(name))}\fR", _roff(text)]
    return "\n".join(lines) + "\n"


def completion() -> str:
    """Return the completion for bash: commands, actions, options and their choices, else files."""
    tree = list(commands())
    words, values = [], []
    for command in sorted(tree, key=lambda command: command.words.count(" "), reverse=True):  # actions come first
        completions = [action.words.rsplit(" ", 1)[1] for action in command.actions()]
        for argument in command.arguments():
            completions += argument.option_strings or _choices(argument)
            if argument.option_strings and argument.nargs != 0:
                values.append(_value(command, argument))
        files = any(_takes_file(argument) for argument in command.arguments() if not argument.option_strings)
        pattern = f"'{command.words}'" if " " in command.words else f"'{command.words} '*"
        words.append(f"{pattern}) words='{' '.join([*completions, '--help'])}' files={'yes' if files else ''} ;;")
    top = [*(command.words for command in tree if " " not in command.words), *_top_options()]
    return COMPLETION.format(top=" ".join(top), words="\n    ".join(words), values="\n    ".join(values))


def _value(command: Command, argument: argparse.Action) -> str:
    """Return the line of bash that completes the value of an option."""
    patterns = "|".join(f"'{command.words} '*' {name}'" for name in argument.option_strings)
    choices = _choices(argument)
    return f"{patterns}) words='{' '.join(choices)}' files={'yes' if _takes_file(argument) else ''} ;;"


def _top_options() -> list[str]:
    return [name for action in top_parser([])._actions for name in action.option_strings if name.startswith("--")]  # noqa: SLF001


def _choices(argument: argparse.Action) -> list[str]:
    return [str(choice) for choice in argument.choices or ()]


def _takes_file(argument: argparse.Action) -> bool:
    return argument.type is Path or argument.metavar == "SPEC"  # of a camera: a video or a photo, too


def _usage(command: Command) -> str:
    """Return the arguments of a command as its --help summarizes them, without its name."""
    usage = command.parser.format_usage().removeprefix("usage: ").removeprefix(f"mien {command.words}")
    return _roff(re.sub(r"\s+", " ", usage).replace(" [-h]", "").strip())


def _heading(argument: argparse.Action) -> str:
    value = argument.metavar or ("{" + ",".join(_choices(argument)) + "}" if argument.choices else argument.dest)
    names = ", ".join(rf"\fB{_roff(name)}\fR" for name in argument.option_strings)
    return f"{names} {_roff(str(value))}".strip() if argument.nargs != 0 else names


def _roff(text: str) -> str:
    """Return text that roff prints as it is."""
    text = text.replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{text}" if text.startswith((".", "'")) else text


def main() -> None:
    """Print what the argument names."""
    parser = argparse.ArgumentParser(description="Print mien's man page or its completion for bash.")
    parser.add_argument("what", choices=("man", "completion"))
    sys.stdout.write(man_page() if parser.parse_args().what == "man" else completion())


if __name__ == "__main__":
    main()
