"""`mien doctor`: checks everything that mien needs, and names the cure of what is not good."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import textwrap
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import TextIO

import msgspec

from mien.commands.arguments import add_config
from mien.doctor.subject import Subject, open_subject
from mien.doctor.verdict import CheckResult, CheckState
from mien.errors import UsageError
from mien.text import printable

EXIT_BAD = 8
"""The exit code where something does not work; advice alone is 0."""

_COLOURS: Mapping[CheckState, str] = {"good": "32", "advice": "33", "bad": "31", "skipped": "2"}
_STATE_WIDTH, _NAME_WIDTH = 9, 16
_INDENT = _STATE_WIDTH + _NAME_WIDTH
_WIDTH = 110  # columns, at most
_MAX_TEXT = 1000  # characters


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `mien doctor`."""
    add_config(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--report",
        type=Path,
        metavar="FILE",
        help="also write a zip file for a bug report, without secrets or moods; - writes it to stdout",
    )


def run(arguments: argparse.Namespace) -> int:
    """Run every check, print a line for each, and return 8 where something does not work."""
    # here, so that `mien doctor --help` loads neither paho nor spotipy
    from mien.doctor.bundle import check_target, make_bundle, to_payload, write_bundle
    from mien.doctor.examination import is_bad
    from mien.doctor.masking import open_masker
    from mien.doctor.system import System

    report: Path | None = arguments.report
    to_stdout = report == Path("-")
    if to_stdout and sys.stdout.isatty():
        raise UsageError("--report - writes a zip file, not for a terminal: type mien doctor --report - > FILE.")
    if report is not None and not to_stdout:
        check_target(report)
    subject = open_subject(arguments.config, System())
    masker = open_masker(subject)
    results = [masked(result, masker.mask) for result in _examine(subject)]
    file = sys.stderr if to_stdout else sys.stdout
    if arguments.json:
        print(msgspec.json.encode(to_payload(results, subject)).decode(), file=file)
    else:
        print_results(results, file)
    if report is not None:
        content = make_bundle(results, subject, masker)
        if to_stdout:
            sys.stdout.buffer.write(content)
        else:
            write_bundle(report, content)
            print(f"{report} is written. Read it before you send it.", file=sys.stderr)
    return EXIT_BAD if is_bad(results) else 0


def _examine(subject: Subject) -> list[CheckResult]:
    """Run the checks, with a line on a terminal meanwhile."""
    from mien.doctor.examination import examine

    if not sys.stderr.isatty():
        return examine(subject)
    print("Checking; this takes up to 20 seconds ...", end="", file=sys.stderr, flush=True)
    try:
        return examine(subject)
    finally:
        print("\r\033[K", end="", file=sys.stderr, flush=True)


def masked(result: CheckResult, mask: Callable[[str], str]) -> CheckResult:
    """Return a result without secrets and control characters, whatever its sentence quotes."""
    sentence, cure = (printable(mask(text), _MAX_TEXT) for text in (result.sentence, result.cure))
    return msgspec.structs.replace(result, sentence=sentence, cure=cure)


def print_results(results: Sequence[CheckResult], file: TextIO) -> None:
    """Print a line for each check, wrapped on a terminal, and the sum."""
    terminal = file.isatty()
    columns = min(shutil.get_terminal_size().columns, _WIDTH) if terminal else None
    colours = terminal and not os.environ.get("NO_COLOR")
    for result in merge_skipped(results):
        _print(format_result(result, columns, colours=colours), file)
    _print("\n" + format_sum(results), file)


def merge_skipped(results: Sequence[CheckResult]) -> list[CheckResult]:
    """Return the results with one line for neighbours that are skipped for one reason."""
    merged: list[CheckResult] = []
    for (state, sentence), group in groupby(results, lambda result: (result.state, result.sentence)):
        first, *others = group
        if others and state == "skipped":
            names = ", ".join(other.name for other in others)
            merged.append(msgspec.structs.replace(first, sentence=f"{sentence} The same holds for {names}."))
        else:
            merged += [first, *others]
    return merged


def format_result(result: CheckResult, columns: int | None, *, colours: bool) -> str:
    """Return a check's line; on a terminal of so many columns wrapped, its cure whole on a line of its own."""
    state = f"{result.state:<{_STATE_WIDTH}}"
    if colours:
        state = f"\033[{_COLOURS[result.state]}m{state}\033[0m"
    lines = [result.sentence]
    if columns is not None:
        width = max(20, columns - _INDENT)
        lines = textwrap.wrap(result.sentence, width, break_long_words=False, break_on_hyphens=False) or [""]
    if result.cure and columns is None:
        lines[-1] += f" -> {result.cure}"
    elif result.cure:
        lines.append(f"-> {result.cure}")
    first, *others = lines
    return "\n".join([f"{state}{result.name:<{_NAME_WIDTH}}{first}", *(" " * _INDENT + line for line in others)])


def format_sum(results: Sequence[CheckResult]) -> str:
    """Return a line that counts the states, and names what is bad."""
    counts = Counter(result.state for result in results)
    text = ", ".join(f"{counts[state]} {state}" for state in _COLOURS if counts[state])
    broken = [result.name for result in results if result.state == "bad"]
    return f"{text}. " + (f"To be repaired: {', '.join(broken)}." if broken else "Nothing is broken.")


def _print(text: str, file: TextIO) -> None:
    """Print a text, with a question mark for what the terminal's encoding lacks."""
    encoding = file.encoding or "utf-8"
    print(text.encode(encoding, "replace").decode(encoding), file=file)
