"""A probe in a process of its own, whose hanging or crash ends neither the doctor nor what it has printed so far.

    python -m mien.doctor.probes.child camera|vision|libraries

reads the configuration's sections as JSON from stdin, and prints the facts so far as a line of JSON after each step.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import msgspec

from mien.config import CameraConfig, Config, ModelConfig, VisionConfig
from mien.doctor.system import Completed, System

LONGEST = 30
"""Seconds after which a probe ends itself, where the doctor has ended before it could do so."""


class ProbeConfig(msgspec.Struct, frozen=True):
    """The sections that a probe needs; they hold no secret."""

    camera: CameraConfig
    vision: VisionConfig
    model: ModelConfig


def run_child(system: System, probe: str, config: Config, timeout: float) -> tuple[dict[str, Any], Completed]:
    """Run a probe and return its last facts, which are empty if it did not come to any, and how it ended."""
    sections = msgspec.json.encode(ProbeConfig(config.camera, config.vision, config.model))
    command = (sys.executable, "-m", "mien.doctor.probes.child", probe)
    done = system.run(*command, timeout=timeout, stdin=sections) or Completed(1, "", "Python cannot be started")
    for line in reversed(done.out.splitlines()):
        try:
            facts = json.loads(line)
        except ValueError:  # a line that was cut when the process was killed
            continue
        if isinstance(facts, dict):
            return facts, done
    return {}, done


def describe_end(done: Completed) -> str:
    """Return how a probe ended that did not come to its end, to follow "it"; empty where it did."""
    if done.code is None:
        return "did not end in time"
    if done.code < 0:
        try:
            return f"crashed ({signal.Signals(-done.code).name})"
        except ValueError:
            return f"crashed (signal {-done.code})"
    lines = [line.strip() for line in done.err.splitlines() if line.strip()]
    return "" if done.code == 0 else f"failed ({lines[-1][:200] if lines else f'exit code {done.code}'})"


def _probe_libraries() -> dict[str, Any]:
    """Import NumPy and OpenCV and let them work together; return their versions. Raises what they raise."""
    import numpy as np

    facts = {"numpy": np.__version__}
    print(json.dumps(facts), flush=True)
    import cv2

    facts["opencv"] = cv2.__version__
    print(json.dumps(facts), flush=True)
    cv2.resize(np.zeros((8, 8), np.uint8), (4, 4))
    facts["cascade"] = str(hasattr(cv2, "CascadeClassifier"))
    return facts


def _run_probe(name: str, config: ProbeConfig, write: Callable[[Any], None]) -> Any:
    if name == "camera":
        from mien.doctor.probes.camera_probe import probe_camera

        return probe_camera(config.camera, config.vision, write)
    from mien.doctor.probes.vision_probe import probe_vision

    return probe_vision(config.vision, config.model, write)


def main() -> int:
    """Run the probe that the command line names."""
    signal.alarm(LONGEST)
    if sys.argv[1] == "libraries":
        print(json.dumps(_probe_libraries()))
        return 0
    config = msgspec.json.decode(sys.stdin.buffer.read(), type=ProbeConfig)
    lines = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what libraries print is no fact

    def write(facts: Any) -> None:
        lines.write(msgspec.json.encode(facts) + b"\n")

    write(_run_probe(sys.argv[1], config, write))
    sys.stderr.flush()
    os._exit(0)  # a camera's threads may hang at exit


if __name__ == "__main__":
    sys.exit(main())
