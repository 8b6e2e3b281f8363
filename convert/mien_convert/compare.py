"""Compare model files: accuracy, size, latency, memory and load time, in every runtime and with 1, 2 and 4 threads.

Each measurement has its own process. The files take turns, round after round, so that a machine that warms up or has
other work slows all of them alike.
"""

from __future__ import annotations

import json
import os
import platform
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mien.cli import Arguments
from mien.errors import ModelError, UsageError
from mien.vision import model_file
from mien.vision.runtime import installed
from mien_convert.comparison_plot import save_plot
from mien_convert.inference import InferenceResult, run_inference
from mien_convert.progress import log
from mien_training.data import fer2013
from mien_training.data.fer2013 import Faces
from mien_training.evaluation.metrics import metrics
from mien_training.files import save_atomically

THREADS = (1, 2, 4)

_ROUNDS = 3
_FACES = 100  # timed in each round
_WARM_UP = 10  # of them, left out
_PLOT_FORMATS = (".svg", ".png", ".pdf")


class BenchmarkCase(NamedTuple):
    """A file, with the runtime and the number of threads that it is measured with."""

    file: Path
    runtime: str
    threads: int


def run(args: Arguments) -> None:
    """Run `mien-convert compare`."""
    if args.picture.suffix not in _PLOT_FORMATS:
        raise UsageError(f"--picture must end in {', '.join(_PLOT_FORMATS)}.")
    faces = fer2013.read(args.data, args.split, args.data_labels)
    rows = compare(args.files, faces, log)
    save_atomically(args.picture, partial(save_plot, rows=rows, machine=machine()))
    print(json.dumps(rows) if args.json else format_rows(rows, len(faces), args.split))
    log(f"wrote {args.picture}")


def compare(files: list[Path], faces: Faces, progress: Callable[[str], object]) -> list[dict[str, Any]]:
    """Return a row per file, runtime and number of threads; accuracy against the labels of each file's own view.

    progress: called with lines for the user.
    Raises UsageError for a file that is named twice, ModelError for one that is not a model file.
    """
    if len(set(files)) < len(files):
        raise UsageError("A file is named twice: name each once.")
    contracts = {file: model_file.read(file)[1] for file in files}
    if not installed():
        raise ModelError("No runtime is installed: install ai-edge-litert.")
    accuracy: dict[tuple[Path, str], float] = {}
    for file, runtime in product(files, installed()):
        progress(f"accuracy of {file} in {runtime}, {len(faces)} faces")
        labelled = faces.view(contracts[file].view)
        logits = run_inference(file, runtime, labelled.images).logits
        accuracy[file, runtime] = metrics(logits, labelled.labels)["accuracy"]
    results = _benchmark([BenchmarkCase(*case) for case in product(files, installed(), THREADS)], faces, progress)
    return [
        {
            "file": str(case.file),
            "mode": contracts[case.file].mode,
            "view": contracts[case.file].view,
            "runtime": case.runtime,
            "threads": case.threads,
            "accuracy": accuracy[case.file, case.runtime],
            "size_kib": round(contracts[case.file].network_size / 1024, 1),
        }
        | _summary(runs)
        for case, runs in results.items()
    ]


def _benchmark(
    cases: list[BenchmarkCase], faces: Faces, progress: Callable[[str], object]
) -> dict[BenchmarkCase, list[InferenceResult]]:
    results: dict[BenchmarkCase, list[InferenceResult]] = defaultdict(list)
    for number in range(_ROUNDS):
        progress(f"timing, round {number + 1} of {_ROUNDS}")
        for case in cases:
            results[case].append(run_inference(case.file, case.runtime, faces.images[:_FACES], case.threads))
    return results


def _summary(runs: list[InferenceResult]) -> dict[str, float]:
    seconds = np.concatenate(
        [result.seconds[_WARM_UP:] if len(result.seconds) > _WARM_UP else result.seconds for result in runs]
    )
    return {
        "median_ms": round(1000 * float(np.median(seconds)), 3),
        "p90_ms": round(1000 * float(np.quantile(seconds, 0.9)), 3),
        "memory_mib": round(float(np.median([result.memory for result in runs])), 1),
        "load_ms": round(1000 * float(np.median([result.load for result in runs])), 1),
    }


def format_rows(rows: list[dict[str, Any]], faces: int, split: str) -> str:
    """Return the table, with a footnote on the data and the machine."""
    width = max(len(row["file"]) for row in rows)
    heading = (
        f"{'file':<{width}}  {'mode':<8} {'view':<8} {'runtime':<15} {'threads':>7} {'accuracy':>9} {'KiB':>8} "
        f"{'median ms':>10} {'p90 ms':>8} {'MiB':>7} {'load ms':>8}"
    )
    lines = [
        f"{row['file']:<{width}}  {row['mode']:<8} {row['view']:<8} {row['runtime']:<15} {row['threads']:>7} "
        f"{row['accuracy']:>9.4f} {row['size_kib']:>8.1f} {row['median_ms']:>10.3f} {row['p90_ms']:>8.3f} "
        f"{row['memory_mib']:>7.1f} {row['load_ms']:>8.1f}"
        for row in rows
    ]
    footnote = f"{faces} faces of {split}; {machine()}; MiB: peak resident memory of the process"
    return "\n".join([heading, *lines, footnote])


def machine() -> str:
    """Describe the machine that the times were measured on."""
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
