# ruff: noqa: INP001  # a script, not part of a package
"""Draw docs/pictures/demo.svg: what `mien demo` prints, in a terminal window.

    python script/drawings/terminal_session.py                     # run mien demo (40 seconds) and draw what it prints
    python script/drawings/terminal_session.py --transcript FILE   # draw what a former run printed

The demo runs on the real clock, so its figures vary a little from run to run; equal transcripts give equal bytes. Long
lines are wrapped, and those in the middle of the session are left out and counted. Every piece of text is placed and
stretched by its columns, so that the drawing looks the same in any monospaced font.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import textwrap
import unicodedata
from dataclasses import dataclass
from html import escape
from pathlib import Path

PICTURE = Path(__file__).parents[2] / "docs" / "pictures" / "demo.svg"

COLUMNS = 100
FIRST, LAST = 11, 2
"""How many lines (before wrapping) are shown of the session's beginning and of its end."""

CELL, LINE, MARGIN, BAR = 8.4, 20, 20, 36
"""Pixels: a column, a line, the space around the text, the title bar."""

BACKGROUND, TITLE_BAR, BORDER = "#0d1117", "#161b22", "#30363d"
TEXT, DIM, PROMPT = "#e6edf3", "#8b949e", "#3fb950"
COLOURS = {"face": "#79c0ff", "expression": "#d2a8ff", "mood": "#ffa657", "song": "#7ee787", "why": "#8b949e"}
"""The colour of each kind of line that `mien demo` prints."""

_EVENT = re.compile(r"^( *\d+\.\d s)  (\w+)( +)(.*)$")


@dataclass(frozen=True)
class Span:
    """A piece of text on one line: where it begins, in columns, and its colour."""

    column: int
    text: str
    colour: str = TEXT
    bold: bool = False


def run_demo() -> str:
    """Return what `mien demo` prints. Raises CalledProcessError where it fails."""
    command = [sys.executable, "-m", "mien.cli", "demo"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603  # our own program


def abridge(lines: list[str]) -> list[str]:
    """Return the first and last lines, with a line between them that counts those left out."""
    left_out = len(lines) - FIRST - LAST
    return lines if left_out < 2 else [*lines[:FIRST], "", f"... {left_out} more lines", "", *lines[-LAST:]]


def spans_of(line: str) -> list[list[Span]]:
    """Return a printed line as lines of the drawing, wrapped at `COLUMNS` where it is too long."""
    event = _EVENT.match(line)
    if event is None:
        colour = DIM if line.startswith("...") else TEXT
        return [[Span(0, part, colour)] for part in textwrap.wrap(line, COLUMNS)] or [[]]
    at, kind, space, text = event.groups()
    column = len(at) + 2 + len(kind) + len(space)
    colour = DIM if kind == "why" else TEXT
    first, *rest = textwrap.wrap(text, COLUMNS - column)
    bold = kind == "mood"
    begin = [
        Span(0, at, DIM),
        Span(len(at) + 2, kind, COLOURS.get(kind, TEXT), bold),
        Span(column, first, colour, bold),
    ]
    return [begin, *([Span(column, part, colour)] for part in rest)]


def draw(transcript: str) -> str:
    """Return the terminal window as SVG, with the lines of a transcript of `mien demo`."""
    lines = [[Span(0, "$", PROMPT), Span(2, "mien demo", bold=True)]]
    for line in abridge(transcript.rstrip().splitlines()):
        lines += spans_of(line)
    width, height = round(2 * MARGIN + COLUMNS * CELL), BAR + 2 * MARGIN + len(lines) * LINE
    drawing = [_window(width, height)]
    for row, spans in enumerate(lines):
        y = BAR + MARGIN + row * LINE + 14
        drawing += [_text(span, y) for span in spans]
    return "\n".join([*drawing, "</g>", "</svg>"]) + "\n"


def _window(width: int, height: int) -> str:
    buttons = "".join(
        f'<circle cx="{20 + 20 * index}" cy="{BAR // 2}" r="6" fill="{colour}"/>'
        for index, colour in enumerate(("#ff5f57", "#febc2e", "#28c840"))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        'role="img" aria-labelledby="title">\n'
        '<title id="title">A terminal session of mien demo: expressions, moods and songs as they change</title>\n'
        f'<rect x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="10" fill="{BACKGROUND}" '
        f'stroke="{BORDER}"/>\n'
        f'<path d="M1 {BAR} V11 a10 10 0 0 1 10 -10 H{width - 11} a10 10 0 0 1 10 10 V{BAR} z" fill="{TITLE_BAR}"/>\n'
        f"{buttons}\n"
        f'<text x="{width // 2}" y="{BAR // 2 + 5}" text-anchor="middle" font-family="system-ui, sans-serif" '
        f'font-size="13" fill="{DIM}">mien demo</text>\n'
        "<g font-family=\"ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace\" "
        'font-size="14" xml:space="preserve">'
    )


def _text(span: Span, y: int) -> str:
    """Return one piece of text, stretched to its columns whatever the font."""
    text = span.text.strip(" ")
    column = span.column + len(span.text) - len(span.text.lstrip(" "))
    weight = ' font-weight="bold"' if span.bold else ""
    return (
        f'<text x="{MARGIN + column * CELL:.1f}" y="{y}" fill="{span.colour}"{weight} '
        f'textLength="{_columns(text) * CELL:.1f}">{escape(text, quote=False)}</text>'
    )


def _columns(text: str) -> int:
    """Return how many columns a terminal gives the text: two to each wide character (Japanese, for example)."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def main() -> None:
    """Draw the session into docs/pictures/demo.svg."""
    parser = argparse.ArgumentParser(description="Draw a terminal session of mien demo.")
    parser.add_argument("--transcript", type=Path, metavar="FILE", help="what a run of mien demo printed")
    file = parser.parse_args().transcript
    transcript = file.read_text(encoding="utf-8") if file else run_demo()
    PICTURE.write_text(draw(transcript), encoding="utf-8")


if __name__ == "__main__":
    main()
