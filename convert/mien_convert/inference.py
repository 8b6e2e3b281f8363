"""Run a model file in one runtime, in a separate process.

Beside TensorFlow tflite-runtime fails to load any model ("vector::reserve"), and only a fresh process shows how much
memory one file needs.

python -m mien_convert.inference MODEL RUNTIME THREADS FACES.npy RESULT.npz
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

_TIMEOUT = 600  # seconds


@dataclass(frozen=True, slots=True, eq=False)
class InferenceResult:
    """The outputs and costs of one run.

    logits: float32 (count, 7). seconds: float64 (count,), the latency of each face. load: seconds to load the file.
    memory: MiB, peak resident memory of the process. input: scale and zero point. step: the output's; 0 for floats.
    """

    logits: NDArray[np.float32]
    seconds: NDArray[np.float64]
    load: float
    memory: float
    input: tuple[float, int]
    step: float


def run_inference(model: Path, runtime: str, faces: NDArray[np.uint8], threads: int = 1) -> InferenceResult:
    """Classify faces, uint8 (count, 48, 48, 1). Raises ModelError if the runtime fails or exceeds ten minutes."""
    with tempfile.TemporaryDirectory() as folder:
        faces_file, result_file = Path(folder, "faces.npy"), Path(folder, "result.npz")
        np.save(faces_file, faces)
        command = [sys.executable, "-m", __name__, str(model), runtime, str(threads), str(faces_file), str(result_file)]
        try:
            process = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT, check=False)  # noqa: S603  # our own module
        except subprocess.TimeoutExpired:
            raise ModelError(f"{runtime} did not finish with this network within {_TIMEOUT} s.") from None
        if process.returncode != 0:
            reason = (process.stderr.strip().splitlines() or [f"exit status {process.returncode}"])[-1]
            raise ModelError(f"{runtime} fails on this network: {reason}")
        with np.load(result_file) as result:
            load, memory, scale, zero_point, step = result["numbers"].tolist()
            return InferenceResult(result["logits"], result["seconds"], load, memory, (scale, round(zero_point)), step)


def main(model: str, runtime: Runtime, threads: str, faces_file: str, result_file: str) -> None:
    """Write the outputs and costs as NumPy arrays to the result file."""
    images = np.load(faces_file)
    start = time.perf_counter()
    classifier = Classifier.load(Path(model), runtime, int(threads))
    load = time.perf_counter() - start
    logits, seconds = np.empty((len(images), 7), np.float32), np.empty(len(images))
    for index, face in enumerate(images):
        start = time.perf_counter()
        logits[index] = classifier.logits(face)
        seconds[index] = time.perf_counter() - start
    numbers = [load, _peak_memory(), *classifier.input_quantization, classifier.output_step or 0.0]
    np.savez(result_file, logits=logits, seconds=seconds, numbers=numbers)


def _peak_memory() -> float:
    """Return MiB; from /proc, since getrusage would include the parent's memory."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])  # type: ignore[arg-type]  # called by run_inference alone
    except MienError as error:
        sys.exit(str(error))
