"""Model files side by side: what each names right, and what it takes, in every runtime and with 1, 2 and 4 threads.

Each measurement has a process of its own. The files take turns, round after round, so that a machine that warms up or
has other work slows all of them alike.
"""

from __future__ import annotations

import os
import platform
from collections import defaultdict
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mien.errors import ModelError, UsageError
from mien.vision import model_file
from mien.vision.runtime import installed
from mien_convert import trial
from mien_convert.trial import Trial
from mien_training.data.fer2013 import Faces
from mien_training.evaluation.metrics import metrics

THREADS = (1, 2, 4)

_ROUNDS = 3
_FACES = 100  # timed in each round
_WARM_UP = 10  # of them that are not counted


class BenchmarkCase(NamedTuple):
    """Where a file is measured."""

    file: Path
    runtime: str
    threads: int


def compare(files: list[Path], faces: Faces, tell: Callable[[str], object]) -> list[dict[str, Any]]:
    """One row a file, runtime and number of threads; accuracy by the labels of each file's own view.

    tell: takes lines that say how far it has come.
    """
    if len(set(files)) < len(files):
        raise UsageError("A file is named twice: name each once.")
    contracts = {file: model_file.read(file)[1] for file in files}
    if not installed():
        raise ModelError("No runtime is installed: install ai-edge-litert.")
    accuracy: dict[tuple[Path, str], float] = {}
    for file, runtime in product(files, installed()):
        tell(f"accuracy of {file} in {runtime}, {len(faces)} faces")
        seen = faces.view(contracts[file].view)
        accuracy[file, runtime] = metrics(trial.run(file, runtime, seen.images).logits, seen.labels)["accuracy"]
    trials = _timed([BenchmarkCase(*place) for place in product(files, installed(), THREADS)], faces, tell)
    return [
        {
            "file": str(place.file),
            "mode": contracts[place.file].mode,
            "view": contracts[place.file].view,
            "runtime": place.runtime,
            "threads": place.threads,
            "accuracy": accuracy[place.file, place.runtime],
            "size_kib": round(contracts[place.file].network_size / 1024, 1),
        }
        | _summary(done)
        for place, done in trials.items()
    ]


def _timed(
    places: list[BenchmarkCase], faces: Faces, tell: Callable[[str], object]
) -> dict[BenchmarkCase, list[Trial]]:
    found: dict[BenchmarkCase, list[Trial]] = defaultdict(list)
    for turn in range(_ROUNDS):
        tell(f"timing, round {turn + 1} of {_ROUNDS}")
        for place in places:
            found[place].append(trial.run(place.file, place.runtime, faces.images[:_FACES], place.threads))
    return found


def _summary(trials: list[Trial]) -> dict[str, float]:
    seconds = np.concatenate(
        [done.seconds[_WARM_UP:] if len(done.seconds) > _WARM_UP else done.seconds for done in trials]
    )
    return {
        "median_ms": round(1000 * float(np.median(seconds)), 3),
        "p90_ms": round(1000 * float(np.quantile(seconds, 0.9)), 3),
        "memory_mib": round(float(np.median([done.memory for done in trials])), 1),
        "load_ms": round(1000 * float(np.median([done.load for done in trials])), 1),
    }


def in_words(rows: list[dict[str, Any]], faces: int, split: str) -> str:
    """The table, and what it was measured on."""
    wide = max(len(row["file"]) for row in rows)
    heading = (
        f"{'file':<{wide}}  {'mode':<8} {'view':<8} {'runtime':<15} {'threads':>7} {'accuracy':>9} {'KiB':>8} "
        f"{'median ms':>10} {'p90 ms':>8} {'MiB':>7} {'load ms':>8}"
    )
    lines = [
        f"{row['file']:<{wide}}  {row['mode']:<8} {row['view']:<8} {row['runtime']:<15} {row['threads']:>7} "
        f"{row['accuracy']:>9.4f} {row['size_kib']:>8.1f} {row['median_ms']:>10.3f} {row['p90_ms']:>8.3f} "
        f"{row['memory_mib']:>7.1f} {row['load_ms']:>8.1f}"
        for row in rows
    ]
    footnote = f"{faces} faces of {split}; {machine()}; MiB: the most that a whole process had resident"
    return "\n".join([heading, *lines, footnote])


def machine() -> str:
    """What the times belong to."""
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
