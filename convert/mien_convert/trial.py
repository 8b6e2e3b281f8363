"""A model file tried in one runtime, in a process of its own.

Beside TensorFlow tflite-runtime loads nothing ("vector::reserve"), and only a fresh process shows what memory one file
takes.

python -m mien_convert.trial MODEL RUNTIME THREADS FACES.npy ANSWER.npz
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.errors import MienError, ModelError
from mien.vision.classifier import Classifier
from mien.vision.runtime import Runtime

_LIMIT = 600  # seconds


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """logits: float32 (count, 7). seconds: float64 (count,), each face's. load: seconds to read the file and get ready.

    memory: MiB, the most that the process had resident. input: scale and zero point. step: the output's; 0 for floats.
    """

    logits: NDArray[np.float32]
    seconds: NDArray[np.float64]
    load: float
    memory: float
    input: tuple[float, int]
    step: float


def run(model: Path, runtime: str, faces: NDArray[np.uint8], threads: int = 1) -> Trial:
    """Try faces, uint8 (count, 48, 48, 1). Raises ModelError if the runtime fails or takes ten minutes."""
    with tempfile.TemporaryDirectory() as folder:
        given, answer = Path(folder, "faces.npy"), Path(folder, "answer.npz")
        np.save(given, faces)
        command = [sys.executable, "-m", __name__, str(model), runtime, str(threads), str(given), str(answer)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT, check=False)  # noqa: S603  # our own module
        except subprocess.TimeoutExpired:
            raise ModelError(f"{runtime} did not come to an end with this network in {_LIMIT} s.") from None
        if done.returncode != 0:
            reason = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
            raise ModelError(f"{runtime} fails on this network: {reason}")
        with np.load(answer) as found:
            load, memory, scale, zero, step = found["numbers"].tolist()
            return Trial(found["logits"], found["seconds"], load, memory, (scale, round(zero)), step)


def main(model: str, runtime: Runtime, threads: str, faces: str, answer: str) -> None:
    """Write the trial's numbers."""
    images = np.load(faces)
    start = time.perf_counter()
    classifier = Classifier.load(Path(model), runtime, int(threads))
    load = time.perf_counter() - start
    logits, seconds = np.empty((len(images), 7), np.float32), np.empty(len(images))
    for index, face in enumerate(images):
        start = time.perf_counter()
        logits[index] = classifier.logits(face)
        seconds[index] = time.perf_counter() - start
    numbers = [load, _memory(), *classifier.input_quantization, classifier.output_step or 0.0]
    np.savez(answer, logits=logits, seconds=seconds, numbers=numbers)


def _memory() -> float:
    """MiB; from /proc, since getrusage would tell of the parent's memory too."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])  # type: ignore[arg-type]  # called by run alone
    except MienError as error:
        sys.exit(str(error))
