"""Whether memory grows with time: the process's memory after 1,000 frames and after many more.

    python benchmarks/memory.py [--frames N] [--yunet FILE]

The loop of `mien run` processes a face that moves, leaves and returns, drawn beforehand. Exit code 1 where the memory
has grown by more than 2 MB in the end.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mien.config import Config, VisionConfig
from mien.controls import Controls
from mien.events import Frame
from mien.mood import MoodTracker
from mien.service.pipeline import Pipeline
from mien.vision.camera.base import CameraKind
from mien.vision.camera.demo import LENGTH, DemoCamera
from mien.vision.recognizer import ExpressionRecognizer

SETTLED = 1000
"""Frames after which all that lasts has been allocated."""

LIMIT = 2.0
"""Megabytes."""

_INTERVAL = 0.1  # seconds between frames
_SCENE = 10.0  # seconds at the end of the demo's scene, in which the face leaves


class LoopCamera:
    """Repeats a scene, and measures the process's memory on the way. memory: megabytes by frame."""

    kind: CameraKind = "replay"

    def __init__(self, count: int) -> None:
        self._count = count
        draw, grain = DemoCamera().draw, np.random.default_rng(0).integers(0, 5, (480, 640), dtype=np.uint8)
        times = np.arange(LENGTH - _SCENE, LENGTH, _INTERVAL)
        self._pictures = [draw(at) + grain for at in times]
        self.memory: dict[int, float] = {}

    def frames(self) -> Iterator[Frame]:
        """Yield `count` frames."""
        for index in range(self._count):
            yield Frame(self._pictures[index % len(self._pictures)], index * _INTERVAL)
            if index + 1 in {SETTLED, self._count}:
                self.memory[index + 1] = resident()

    def set_frame_interval(self, interval: float) -> None:
        """Do nothing: frames are delivered as fast as they are read."""

    def close(self) -> None:
        """Do nothing: no device is open."""


def resident() -> float:
    """Return the megabytes of this process in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> None:
    """Print memory early and late."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=100_000)
    parser.add_argument("--yunet", default="", help="YuNet's model file")
    args = parser.parse_args()
    config = Config(vision=VisionConfig(detector="yunet" if args.yunet else "haar", yunet_file=args.yunet))
    recognizer, camera = (
        ExpressionRecognizer.open(config.vision, config.model),
        LoopCamera(max(args.frames, SETTLED + 1)),
    )
    tracker = MoodTracker(config.mood)
    events = sum(
        1 for _ in Pipeline(recognizer, tracker, Controls(config.vision, config.mood), lambda: camera).events()
    )
    early, late = camera.memory.values()
    print(f"{max(camera.memory):,} frames, {events} events: {early:.1f} MB after {SETTLED:,}, {late:.1f} MB in the end")
    if late - early > LIMIT:
        sys.exit(f"Memory grew by {late - early:.1f} MB, which is more than {LIMIT:.0f} MB.")


if __name__ == "__main__":
    main()
