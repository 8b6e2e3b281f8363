"""Draw the rows of a comparison as a bar chart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

mpl.rcParams["svg.hashsalt"] = "mien"  # the same figure gives the same bytes

_PANELS = {
    "accuracy": "accuracy",
    "median_ms": "latency, ms: median, line to p90",
    "memory_mib": "peak memory, MiB",
    "size_kib": "network, KiB",
}


def save_plot(path: Path, rows: list[dict[str, Any]], machine: str) -> None:
    """Write bars by file, runtime and threads: accuracy, median and p90 latency, memory and size."""
    names = [f"{Path(row['file']).stem}, {row['runtime']}, {row['threads']}" for row in rows]
    colours = {file: f"C{index}" for index, file in enumerate(dict.fromkeys(row["file"] for row in rows))}
    figure = Figure(figsize=(14, 1.4 + 0.28 * len(rows)), layout="constrained")
    panels = figure.subplots(1, 4, sharey=True)
    panels[0].set_yticks(range(len(rows)), names)
    panels[0].invert_yaxis()
    for axes, (key, title) in zip(panels, _PANELS.items(), strict=True):
        values = [row[key] for row in rows]
        axes.barh(range(len(rows)), values, color=[colours[row["file"]] for row in rows])
        axes.set_title(title)
        if key == "median_ms":  # runtimes differ by orders of magnitude
            values = [row["p90_ms"] for row in rows]
            axes.hlines(range(len(rows)), [row[key] for row in rows], values, color="black")
            axes.set_xscale("log")
        axes.margins(x=0.2)
        for position, (end, row) in enumerate(zip(values, rows, strict=True)):
            axes.text(end, position, f" {row[key]:.4g}", va="center", fontsize=8)
    figure.suptitle(f"file, runtime, threads; {machine}", fontsize=10)
    file_format = path.suffix.lstrip(".")
    figure.savefig(path, format=file_format, metadata={"Date": None} if file_format == "svg" else None)
