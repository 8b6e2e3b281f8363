"""Plots of the catalogue's songs on the valence-arousal plane, for terminals and as SVG."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from mien.expression import Expression
from mien.music.catalog.plane import GRID, MAX_REACH

Cells = Mapping[tuple[int, int], int]
"""(column, row) of the grid, from the bleak and calm corner, to the number of songs there."""

_SHADES = " ·░▒▓█"
_WIDTH, _HEIGHT = 64, 16  # characters
_SIDE = 640  # pixels of the SVG's plane
_MARGIN = 60


def format_plane(cells: Cells) -> str:
    """Return shaded characters for the number of songs: arousal upwards, valence to the right."""
    counts: Counter[tuple[int, int]] = Counter()
    for (column, row), count in cells.items():
        counts[column * _WIDTH // GRID, row * _HEIGHT // GRID] += count
    most = max(counts.values(), default=1)
    lines = [
        "".join(_SHADES[-(-counts[x, y] * (len(_SHADES) - 1) // most)] for x in range(_WIDTH))
        for y in reversed(range(_HEIGHT))
    ]
    body = "\n".join(f"  │{line}│" for line in lines)
    bar = "─" * _WIDTH
    return f"  aroused\n  ┌{bar}┐\n{body}\n  └{bar}┘\n  bleak and calm{'bright':>{_WIDTH - 12}}"


def plane_to_svg(cells: Cells) -> str:
    """Return the whole plane, -1 to 1: the songs in the part that features reach, and the seven expressions."""
    half = GRID // 2  # cells of the picture: two by two of the grid's
    counts: Counter[tuple[int, int]] = Counter()
    for (column, row), count in cells.items():
        counts[column // 2, row // 2] += count
    most = max(counts.values(), default=1)
    side = _SIDE * MAX_REACH / half
    squares = "".join(
        f'<rect x="{_x(-MAX_REACH) + x * side:.1f}" y="{_y(-MAX_REACH) - (y + 1) * side:.1f}" width="{side:.2f}"'
        f' height="{side:.2f}" fill-opacity="{(count / most) ** 0.5:.2f}"/>'
        for (x, y), count in sorted(counts.items())
    )
    moods = "".join(
        f'<circle cx="{_x(e.valence):.0f}" cy="{_y(e.arousal):.0f}" r="4"/>'
        f'<text x="{_x(e.valence) + 7:.0f}" y="{_y(e.arousal) + 4:.0f}">{e.label}</text>'
        for e in Expression
    )
    size = _SIDE + 2 * _MARGIN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{size}" height="{size}" font-family="sans-serif">'
        f"<title>{sum(cells.values())} songs on the valence-arousal plane</title>"
        f'<rect width="{size}" height="{size}" fill="#fff"/>'
        f'<g fill="#2266aa">{squares}</g>'
        f'<rect x="{_MARGIN}" y="{_MARGIN}" width="{_SIDE}" height="{_SIDE}" fill="none" stroke="#999"/>'
        f'<path d="M{_x(-1):.0f} {_y(0):.0f}H{_x(1):.0f}M{_x(0):.0f} {_y(-1):.0f}V{_y(1):.0f}" stroke="#ccc"/>'
        f'<g fill="#b03010">{moods}</g>'
        f'<text x="{_MARGIN}" y="{size - 25}">bleak (valence -1)</text>'
        f'<text x="{size - _MARGIN}" y="{size - 25}" text-anchor="end">bright (valence 1)</text>'
        f'<text x="{_MARGIN}" y="35">driving (arousal 1) above, calm (-1) below</text></svg>\n'
    )


def _x(valence: float) -> float:
    return _MARGIN + (valence + 1) / 2 * _SIDE


def _y(arousal: float) -> float:
    return _MARGIN + (1 - arousal) / 2 * _SIDE
