"""The time of each stage, with a full-frame scan as the yardstick in the same run.

    python benchmarks/pipeline.py [--frames N] [--yunet FILE] [--json]

One core: cv2.setNumThreads(1) and one thread for the network. Scenes are generated around the demo's face: it moves,
leaves and returns. Rows for the peers `fer`, DeepFace and MediaPipe appear where they are installed.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from pathlib import Path

import cv2
import numpy as np

from mien.config import ModelConfig, MoodConfig, Rotation
from mien.events import Frame
from mien.mood import MoodTracker
from mien.vision.camera.base import Camera, CameraKind
from mien.vision.camera.demo import DemoCamera
from mien.vision.camera.orientation import open_oriented
from mien.vision.crop import to_input
from mien.vision.detector import FaceDetector, Gray, HaarDetector
from mien.vision.recognizer import ExpressionRecognizer, open_classifier
from mien.vision.tracker import FaceTrack
from mien.vision.yunet import YunetDetector

MIN_FACE = 60
INTERVAL = 0.1  # seconds between frames of the scene
PERIOD = 20.0  # seconds from one return of the face to the next
AWAY = 4.0  # seconds of these in which it is wholly out of the picture

Row = dict[str, float]


def scene(count: int) -> Iterator[tuple[Frame, bool]]:
    """Yield frames of a face that moves, leaves to the right and returns, and whether all of it is in view."""
    camera = DemoCamera()
    noise = np.random.default_rng(0)
    grain = [noise.integers(0, 5, (480, 640), dtype=np.uint8) for _ in range(4)]
    for index in range(count):
        at = index * INTERVAL
        phase = at % PERIOD
        leaving = min(1.0, max(0.0, phase - (PERIOD - AWAY - 2)))
        returning = min(1.0, max(0.0, PERIOD - phase))
        shift = round(640 * min(leaving, returning))
        picture = np.roll(camera.draw(at % 30.0), shift, axis=1)
        if shift:
            picture[:, :shift] = camera.draw(1e6)[:, :1]
        picture += grain[index % 4]
        yield Frame(picture, at), shift < 80 * math.exp(-1)


def time_each(work: Callable[[Frame], object], frames: list[Frame]) -> Row:
    """Return the milliseconds of processor time a frame, which other processes do not affect."""
    times = []
    for frame in frames:
        began = time.thread_time()
        work(frame)
        times.append((time.thread_time() - began) * 1000)
    return row_of(times)


def row_of(times: list[float]) -> Row:
    """Return median, 90th percentile and mean."""
    return {"median": float(np.median(times)), "p90": float(np.percentile(times, 90)), "mean": float(np.mean(times))}


def stages(detector: FaceDetector, name: str, frames: list[Frame]) -> dict[str, Row]:
    """Measure detection, tracking, cropping, classification and the mood tracker, each alone."""
    detected = [(frame, faces[0]) for frame in frames[::20] if (faces := detector.detect(frame.gray))]
    classifier = open_classifier(ModelConfig())
    box = {id(frame): face for frame, face in detected}
    tracks = {id(frame): FaceTrack.start(frame.gray, face, frame.at) for frame, face in detected}
    with_face = [frame for frame, _ in detected]
    tracker = MoodTracker(MoodConfig())
    recognizer = ExpressionRecognizer(detector, classifier)
    crop = to_input(with_face[0].gray, box[id(with_face[0])])
    return {
        f"{name}: full-frame scan": time_each(lambda frame: detector.detect(frame.gray), with_face),
        f"{name}: search near the last place": time_each(
            lambda frame: detector.detect_near(frame.gray, box[id(frame)]), with_face
        ),
        "relocate by its template": time_each(lambda frame: tracks[id(frame)].relocate(frame.gray), with_face),
        "crop": time_each(lambda frame: to_input(frame.gray, box[id(frame)]), with_face),
        "network": time_each(lambda _: classifier.probabilities(crop), with_face),
        "crop, quality, network, tracker": time_each(
            lambda frame: tracker.update(recognizer.classify(frame, box[id(frame)]), frame.at), with_face
        ),
    }


class MemoryCamera:
    """Delivers frames that are in memory, so that its own time is next to none."""

    kind: CameraKind = "replay"

    def __init__(self, frames: list[Frame]) -> None:
        self._frames = frames

    def frames(self) -> Iterator[Frame]:
        """Yield the frames."""
        yield from self._frames

    def set_frame_interval(self, interval: float) -> None:
        """Do nothing: a replay keeps its own interval."""

    def close(self) -> None:
        """Do nothing: no device is open."""


def orientations(frames: list[Frame]) -> tuple[Row, float]:
    """Return the row of the slowest rotation or mirror, and its median less that of an upright camera, milliseconds."""
    rotations: tuple[Rotation, ...] = (0, 90, 180, 270)
    opener: Callable[[], Camera] = partial(MemoryCamera, frames)
    upright, *others = (
        _time_frames(open_oriented(opener, rotation, mirror=mirror), len(frames))
        for rotation, mirror in product(rotations, (False, True))
    )
    slowest = max(others, key=lambda row: row["median"])
    return slowest, slowest["median"] - upright["median"]


def _time_frames(camera: Camera, count: int) -> Row:
    """Return the milliseconds of processor time in which a camera delivers a frame."""
    frames, times = camera.frames(), []
    for _ in range(count):
        began = time.thread_time()
        next(frames)
        times.append((time.thread_time() - began) * 1000)
    return row_of(times)


def whole(detector: FaceDetector, frames: list[tuple[Frame, bool]]) -> tuple[Row, float]:
    """Measure the whole chain on the frames with a face, and the longest time without it after a return, seconds."""
    classifier = open_classifier(ModelConfig())
    recognizer, tracker = (
        ExpressionRecognizer(detector, classifier),
        MoodTracker(MoodConfig()),
    )
    times, lost, longest = [], 0.0, 0.0
    for frame, in_view in frames:
        began = time.thread_time()
        observation = recognizer.observe(frame)
        tracker.update(observation.reading, observation.at)
        if observation.reading is not None:
            times.append((time.thread_time() - began) * 1000)
        lost = lost + INTERVAL if in_view and not observation.faces else 0.0
        longest = max(longest, lost)
    return row_of(times), longest


def plain_scan() -> Callable[[Frame], object]:
    """Return the yardstick: the cascade over the whole frame at full size, scaleFactor 1.1, from 60 pixels on."""
    cascade = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_default.xml")  # type: ignore[attr-defined]
    return lambda frame: cascade.detectMultiScale(frame.gray, scaleFactor=1.1, minSize=(MIN_FACE, MIN_FACE))


def peers(frames: list[Frame]) -> dict[str, Row]:
    """Measure those of the known alternatives that are installed."""
    rows = {}
    for name, opener in {"fer": _fer, "DeepFace": _deepface, "MediaPipe (faces only)": _mediapipe}.items():
        try:
            work = opener()
        except Exception as error:  # a peer that does not start is left out
            print(f"{name}: left out ({type(error).__name__})", file=sys.stderr)
            continue
        rows[name] = _time_peer(work, frames[:30])
    return rows


def _time_peer(work: Callable[[Gray], object], frames: list[Frame]) -> Row:
    return time_each(lambda frame: work(_color(frame.gray)), frames)


def _fer() -> Callable[[Gray], object]:
    from fer import FER

    detect: Callable[[Gray], object] = FER().detect_emotions
    return detect


def _deepface() -> Callable[[Gray], object]:
    from deepface import DeepFace

    return lambda picture: DeepFace.analyze(picture, actions=["emotion"], enforce_detection=False, silent=True)


def _mediapipe() -> Callable[[Gray], object]:
    import mediapipe

    process: Callable[[Gray], object] = mediapipe.solutions.face_detection.FaceDetection(model_selection=0).process
    return process


def _color(gray: Gray) -> Gray:
    return np.asarray(cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR), np.uint8)


def run_video(frames: list[Frame]) -> tuple[float, float]:
    """Return of `mien run` on a video: seconds from its start to its end after one frame, and megabytes at its peak."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "scene.avi"))
        video = cv2.VideoWriter(path, cv2.VideoWriter.fourcc(*"MJPG"), 1 / INTERVAL, (640, 480), isColor=False)
        for frame in frames:
            video.write(frame.gray)
        video.release()
        began = time.perf_counter()
        _run(path, "--max-frames", "1")
        return time.perf_counter() - began, _run(path)


def _run(video: str, *options: str) -> float:
    """Return megabytes at its peak, by the kernel's own count, which unlike getrusage's leaves this process out."""
    code = "import sys; from mien.cli import main; main(sys.argv[1:]); print(open('/proc/self/status').read())"
    command = [sys.executable, "-c", code, "run", "--json", "--camera", video, *options]
    output = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    return int(output.split("VmHWM:")[1].split()[0]) / 1000


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=2000)
    parser.add_argument("--yunet", type=Path, help="YuNet's model file")
    parser.add_argument("--picture", type=Path, metavar="SVG", help="draw the medians")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    frames = list(scene(min(args.frames, 400)))
    pictures = [frame for frame, in_view in frames if in_view]
    rows = {"yardstick: plain Haar scan": time_each(plain_scan(), pictures[::10])}
    rows["rotate or mirror, the slowest of seven"], more_than_upright = orientations(pictures)
    lost = {}
    detectors: dict[str, FaceDetector] = {"Haar": HaarDetector(MIN_FACE)}
    if args.yunet:
        detectors["YuNet"] = YunetDetector(args.yunet, MIN_FACE)
    for name, detector in detectors.items():
        rows |= stages(detector, name, pictures)
        rows[f"{name}: whole chain while following"], lost[name] = whole(detector, list(_repeat(frames, args.frames)))
    rows |= peers(pictures)
    start, peak = run_video([frame for frame, _ in frames])
    if args.picture:
        draw(rows, args.picture)
    facts = {
        "longest loss after a return, s": {name: round(value, 1) for name, value in lost.items()},
        "following, share of a full-frame scan": {"Haar": share(rows, "yardstick: plain Haar scan", "Haar")}
        | ({"YuNet": share(rows, "YuNet: full-frame scan", "YuNet")} if args.yunet else {}),
        "rotated or mirrored frame: more than an upright one, ms": round(more_than_upright, 3),
        "mien run on a video: start to end of its first frame, s": round(start, 2),
        "mien run on a video: peak memory, MB": round(peak),
    }
    if args.json:
        print(json.dumps({"rows": rows, "facts": facts}, indent=1))
        return
    print(f"{'milliseconds a frame':40}{'median':>9}{'p90':>9}{'mean':>9}")
    for name, row in rows.items():
        print(f"{name:40}{row['median']:9.2f}{row['p90']:9.2f}{row['mean']:9.2f}")
    for name, fact in facts.items():
        print(f"{name}: {fact}")


def share(rows: dict[str, Row], yardstick: str, name: str) -> str:
    """Return the whole chain's median as a share of a full-frame scan's."""
    return f"1/{rows[yardstick]['median'] / rows[f'{name}: whole chain while following']['median']:.1f}"


def draw(rows: dict[str, Row], path: Path) -> None:
    """Draw medians as bars on a logarithmic scale."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "mien"  # equal input, equal file
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 0.5 + 0.35 * len(rows)), layout="constrained")
    bars = axes.barh(list(rows), [row["median"] for row in rows.values()])
    axes.bar_label(bars, fmt="%.2f", padding=3)
    axes.set(xscale="log", xlabel="milliseconds of processor time a frame, median")
    axes.invert_yaxis()
    figure.savefig(path, metadata={"Date": None})


def _repeat(frames: list[tuple[Frame, bool]], count: int) -> Iterator[tuple[Frame, bool]]:
    """Yield the scene over and over; 400 frames are two whole periods, so that there is no seam."""
    for index in range(count):
        frame, in_view = frames[index % len(frames)]
        yield Frame(frame.gray, index * INTERVAL), in_view


if __name__ == "__main__":
    main()
