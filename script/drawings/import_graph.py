# ruff: noqa: INP001  # a script, not part of a package
"""Draw docs/pictures/architecture.svg: the plan of mien, its arrows taken from the real import graph.

    python script/drawings/import_graph.py            # write the drawing
    python script/drawings/import_graph.py --check    # exit code 1 where the committed drawing is out of date

Modules are gathered into the boxes of `BOXES`. An arrow that a longer path implies (a imports b, b imports c, and a
imports c too) is left out: the grey arrows are the transitive reduction of the graph. Equal graphs give equal bytes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise
from pathlib import Path

import grimp

PICTURE = Path(__file__).parents[2] / "docs" / "pictures" / "architecture.svg"

Edge = tuple[str, str]
"""An import between boxes: the box that imports, the box that is imported."""


@dataclass(frozen=True)
class Box:
    """A rectangle of the drawing in pixels, with its title and a line of explanation."""

    x: int
    y: int
    width: int
    height: int
    title: str
    text: str = ""

    @property
    def right(self) -> int:
        """Return the x of the right edge."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """Return the y of the lower edge."""
        return self.y + self.height


BOXES = {
    "convert": Box(30, 30, 190, 62, "mien_convert", "quantise and verify"),
    "training": Box(30, 140, 190, 62, "mien_training", "train and evaluate"),
    "cli": Box(290, 140, 660, 62, "cli", "parser, table of commands, exit codes"),
    "commands": Box(290, 240, 660, 62, "commands", "one file for each command"),
    "service": Box(290, 340, 440, 62, "service", "joins the stages, runs the loop, hands moods to the outputs"),
    "doctor": Box(760, 340, 190, 62, "doctor", "checks, and names the cure"),
    "vision": Box(30, 450, 470, 120, "vision"),
    "mood": Box(540, 450, 120, 120, "mood"),
    "outputs": Box(700, 450, 250, 120, "outputs"),
    "shared": Box(30, 620, 920, 62, "configuration and shared mechanics"),
    "types": Box(30, 732, 920, 62, "small types"),
}
SIZE = (980, 860)

MEMBERS = {
    "calibration": "mood",
    "music": "outputs",
    "mqtt": "outputs",
    "web": "outputs",
    "text": "shared",
    "events": "types",
    "expression": "types",
    "errors": "types",
}
"""The box of a part of mien that has none of its own; a module that is not listed belongs to "shared"."""

INPUT_STAGES = ("camera", "detector", "classifier")
OUTPUT_STAGES = ("music", "mqtt", "web")

FLOW, FLOW_FILL, INK, GREY, LINE, PAPER = "#0969da", "#ddf4ff", "#1f2328", "#59636e", "#8c959f", "#ffffff"


@dataclass(frozen=True)
class Graph:
    """The imports between boxes, and the parts of mien (first name after `mien.`) that each box gathers."""

    edges: frozenset[Edge]
    parts: Mapping[str, frozenset[str]] = field(default_factory=dict)


def read_graph() -> Graph:
    """Return the import graph of the three packages, gathered into boxes.

    Raises ValueError for a package without a place in the drawing, and for an output that imports another.
    """
    modules = grimp.build_graph("mien", "mien_training", "mien_convert", cache_dir=None)
    packages = {name.split(".")[1] for name in modules.modules if name.startswith("mien.") and name.count(".") > 1}
    edges: set[Edge] = set()
    parts: dict[str, set[str]] = {}
    for module in modules.modules:
        part, box = _place(module, packages)
        if not box:
            continue
        parts.setdefault(box, set()).add(part)
        for imported in modules.find_modules_directly_imported_by(module):
            other, target = _place(imported, packages)
            if box == target == "outputs" and part != other:
                raise ValueError(f"{module} imports {imported}: an output must not import another.")
            if target and target != box:
                edges.add((box, target))
    return Graph(frozenset(edges), {box: frozenset(names) for box, names in parts.items()})


def _place(module: str, packages: Iterable[str]) -> tuple[str, str]:
    """Return the part of mien that a module belongs to, and that part's box; empty for mien's own `__init__`."""
    root, _, rest = module.partition(".")
    part = rest.split(".")[0] if root == "mien" else root.removeprefix("mien_")
    if not part:
        return "", ""
    box = part if part in BOXES else MEMBERS.get(part, "shared")
    if part in packages and part not in {*BOXES, *MEMBERS}:
        raise ValueError(f"mien.{part} has no place in the drawing: give it one in {Path(__file__).name}.")
    return part, box


def reduce_edges(edges: Iterable[Edge]) -> list[Edge]:
    """Return the edges that no longer path implies, sorted. Raises ValueError where the imports form a circle."""
    imported: dict[str, set[str]] = {}
    for start, end in edges:
        imported.setdefault(start, set()).add(end)
    beyond = {box: _reachable(box, imported) for box in imported}
    circle = sorted(box for box, reached in beyond.items() if box in reached)
    if circle:
        raise ValueError(f"The imports of {', '.join(circle)} form a circle.")
    return sorted(
        (start, end)
        for start, ends in imported.items()
        for end in ends
        if not any(end in beyond.get(other, ()) for other in ends)
    )


def _reachable(start: str, imported: Mapping[str, set[str]]) -> set[str]:
    reached: set[str] = set()
    waiting = set(imported.get(start, ()))
    while waiting:
        box = waiting.pop()
        if box not in reached:
            reached.add(box)
            waiting |= imported.get(box, set())
    return reached


def draw(graph: Graph | None = None) -> str:
    """Return the drawing as SVG, of the real import graph unless another is given."""
    graph = graph or read_graph()
    by_name = ("cli", "commands")  # cli loads a command's module by its name, which no import statement shows
    lines = [_head()]
    for start, end in reduce_edges(graph.edges | {by_name}):
        lines.append(_import_arrow(BOXES[start], BOXES[end], dashed=(start, end) not in graph.edges))
    lines += [_box(box, dashed=name == "outputs") for name, box in BOXES.items()]
    for name in ("shared", "types"):
        box = BOXES[name]
        lines.append(_text(box.x + 16, box.bottom - 14, ", ".join(sorted(graph.parts.get(name, ()))), mono=True))
    lines += _stages([stage for stage in OUTPUT_STAGES if stage in graph.parts.get("outputs", ())])
    lines += _legend()
    return "\n".join([*lines, "</svg>"]) + "\n"


def _head() -> str:
    width, height = SIZE
    heads = "".join(
        f'<marker id="{name}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="{size}" markerHeight="{size}" '
        f'orient="auto"><path d="M0 0 L10 5 L0 10 z" fill="{colour}"/></marker>'
        for name, colour, size in (("import", LINE, 7), ("flow", FLOW, 5))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        'font-family="system-ui, sans-serif" font-size="14" role="img" aria-labelledby="title">\n'
        '<title id="title">The plan of mien: camera, detector, classifier, mood, outputs; imports point down</title>\n'
        f"<defs>{heads}</defs>\n"
        f'<rect x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="12" fill="{PAPER}" stroke="#d1d9e0"/>'
    )


def _box(box: Box, *, dashed: bool) -> str:
    stroke = f'stroke="{INK}" stroke-width="1.2"' + (' stroke-dasharray="5 4"' if dashed else "")
    rectangle = (
        f'<rect x="{box.x}" y="{box.y}" width="{box.width}" height="{box.height}" rx="8" fill="#f6f8fa" {stroke}/>'
    )
    title = _text(box.x + 16, box.y + 26, box.title, bold=True)
    return "\n".join([rectangle, title, *([_text(box.x + 16, box.y + 48, box.text, GREY)] if box.text else [])])


def _text(x: int, y: int, text: str, colour: str = INK, *, bold: bool = False, mono: bool = False) -> str:
    style = ' font-weight="600" font-size="15"' if bold else ""
    style += ' font-family="ui-monospace, monospace" font-size="13"' if mono else ""
    return f'<text x="{x}" y="{y}" fill="{colour}"{style}>{escape(text)}</text>'


def _import_arrow(start: Box, end: Box, *, dashed: bool) -> str:
    """Return an arrow down, or to the side where the boxes stand in one row."""
    if start.y == end.y:
        y = start.y + start.height // 2
        line = f"M{start.right} {y} H{end.x}" if start.x < end.x else f"M{start.x} {y} H{end.right}"
    else:
        left, right = max(start.x, end.x), min(start.right, end.right)
        down, to = ((left + right) // 2,) * 2 if left < right else (start.x + start.width // 2, end.x + end.width // 2)
        line = f"M{down} {start.bottom} L{to} {end.y}"
    style = ' stroke-dasharray="5 4"' if dashed else ""
    return f'<path d="{line}" fill="none" stroke="{LINE}" stroke-width="1.4"{style} marker-end="url(#import)"/>'


def _stages(outputs: list[str]) -> list[str]:
    """Return the stages as chips, with the arrows that a frame, a reading and a mood follow."""
    vision, mood, out = BOXES["vision"], BOXES["mood"], BOXES["outputs"]
    y, height, gap = vision.y + 52, 44, 30
    width = (vision.width - 32 - gap * (len(INPUT_STAGES) - 1)) // len(INPUT_STAGES)
    chips = [(vision.x + 16 + index * (width + gap), width, stage) for index, stage in enumerate(INPUT_STAGES)] + [
        (mood.x + 16, mood.width - 32, "mood")
    ]
    lines = [_flow_arrow(x + width, following, y + height // 2) for (x, width, _), (following, _, _) in pairwise(chips)]
    lines.append(_flow_arrow(chips[-1][0] + chips[-1][1], out.x, y + height // 2))
    each = (out.width - 32 - 10 * (len(outputs) - 1)) // max(1, len(outputs))
    chips += [(out.x + 16 + index * (each + 10), each, stage) for index, stage in enumerate(outputs)]
    for x, width, stage in chips:
        lines.append(
            f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="22" fill="{FLOW_FILL}" stroke="{FLOW}"/>\n'
            f'<text x="{x + width // 2}" y="{y + 27}" text-anchor="middle" fill="{INK}">{escape(stage)}</text>'
        )
    return lines


def _flow_arrow(start: int, end: int, y: int) -> str:
    return f'<path d="M{start} {y} H{end}" stroke="{FLOW}" stroke-width="3" marker-end="url(#flow)"/>'


def _legend() -> list[str]:
    y = SIZE[1] - 30
    return [
        f'<path d="M30 {y - 5} H70" stroke="{FLOW}" stroke-width="3" marker-end="url(#flow)"/>',
        _text(80, y, "what flows: frames, readings, moods", GREY),
        f'<path d="M350 {y - 5} H390" stroke="{LINE}" stroke-width="1.4" marker-end="url(#import)"/>',
        _text(400, y, "imports (dashed: loaded by name); arrows that others imply are left out", GREY),
        _text(290, 56, "Imports point down, never up.", GREY),
        _text(290, 78, "No stage imports another: service passes on what flows.", GREY),
    ]


def main() -> int:
    """Write the drawing, or with --check compare it; return the exit code."""
    parser = argparse.ArgumentParser(description="Draw the plan of mien from its import graph.")
    parser.add_argument("--check", action="store_true", help="only compare with the committed drawing")
    drawing = draw()
    if not parser.parse_args().check:
        PICTURE.write_text(drawing, encoding="utf-8")
        return 0
    if PICTURE.is_file() and PICTURE.read_text(encoding="utf-8") == drawing:
        return 0
    print(f"{PICTURE.name} is out of date: run python script/drawings/import_graph.py.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
