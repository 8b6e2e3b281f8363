"""The accuracy on whole pictures with unseen faces, against that on the same faces as ready crops.

    python benchmarks/composite.py DATA [COUNT] [YUNET] [--model FILE]

DATA: the folder of fer2013.csv. Faces of PublicTest are placed anywhere in 640x480 frames, 96 to 220 px wide. A frame
is a photo, as for `mien classify`, and the first frame of a stream, as for `mien run`. YUNET: its model file, to
measure it beside the cascade. A box is on its face if they overlap (intersection over union) by at least the bound in
the table: a face that fills its picture has no certain edge, and a box that is half as large again still is on the
face. Two boxes with one centre overlap by 0.3 if one is 1.8 times as wide as the other.

"data" is the accuracy on the detected faces under the prior of the training data, which is PublicTest's too; "even"
under an even prior, which favours rare expressions. "crop" is that on their ready crops, "error" the standard error of
the difference.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

import cv2
import numpy as np

from mien.config import VisionConfig
from mien.events import Face, Frame, Reading
from mien.vision.classifier import DEFAULT_MODEL, Classifier
from mien.vision.detector import Gray, HaarDetector, overlap
from mien.vision.recognizer import ExpressionRecognizer
from mien.vision.still import classify_with_tta, haar_still_detector, yunet_still_detector
from mien.vision.yunet import YunetDetector
from mien_training.data import fer2013
from mien_training.evaluation.crop_margin import compose

BOUNDS = (0.3, 0.4, 0.5)
PRIORS: tuple[Literal["data", "even"], ...] = ("data", "even")
MIN_FACE = VisionConfig().min_face

Right = tuple[bool, ...]
"""Whether an expression is right, under each of PRIORS."""


class Chain(NamedTuple):
    """A way from a picture to readings: a detector, and what classifies a detected face."""

    name: str
    detect: Callable[[Gray], list[Face]]
    classify: Callable[[Gray, Face], Reading]


class Detection(NamedTuple):
    """The overlap of a detected box with the face, and whether its expression is right."""

    overlap: float
    right: Right


def main(data: Path, count: int, yunet: Path | None, model: Path) -> None:
    """Print recall, false faces a frame, and accuracy on the detected faces beside that on their ready crops."""
    cv2.setNumThreads(1)
    classifier = Classifier.load(model)
    faces = fer2013.read(data, "PublicTest").view(classifier.contract.view)
    chosen = np.random.default_rng(0).permutation(len(faces))[:count].tolist()
    labels = [int(faces.labels[index]) for index in chosen]
    crops = [
        judge(classifier, label, partial(read_crop, classifier, faces.images[index]))
        for index, label in zip(chosen, labels, strict=True)
    ]
    print(f"{len(chosen)} frames")
    for chain in open_chains(classifier, yunet):
        detections, milliseconds = [], []
        for index, label in zip(chosen, labels, strict=True):
            frame, place = compose(faces.images[index, :, :, 0], np.random.default_rng(index))
            began = time.perf_counter()
            boxes = chain.detect(frame)
            milliseconds.append((time.perf_counter() - began) * 1000)
            detections.append(
                [
                    Detection(overlap(box, place), judge(classifier, label, partial(chain.classify, frame, box)))
                    for box in boxes
                ]
            )
        print(f"\n{chain.name}, {np.median(milliseconds):.0f} ms to detect (median)")
        print("overlap  recall  false faces a frame" + "".join(f"     {prior}   crop  error" for prior in PRIORS))
        for bound in BOUNDS:
            print(format_row(bound, crops, detections), flush=True)


def open_chains(classifier: Classifier, yunet: Path | None) -> list[Chain]:
    """Return photo and stream with the cascade, and with YuNet where its file is given. Raises ModelError."""

    def classify_photo(gray: Gray, face: Face) -> Reading:
        return classify_with_tta(classifier, gray, face)

    chains = [Chain("photo, cascade", haar_still_detector(MIN_FACE), classify_photo)]
    chains.append(stream_chain("stream, cascade", ExpressionRecognizer(HaarDetector(MIN_FACE), classifier)))
    if yunet is not None:
        chains.append(Chain("photo, YuNet", yunet_still_detector(yunet, MIN_FACE), classify_photo))
        chains.append(stream_chain("stream, YuNet", ExpressionRecognizer(YunetDetector(yunet, MIN_FACE), classifier)))
    return chains


def stream_chain(name: str, recognizer: ExpressionRecognizer) -> Chain:
    """Return a stream's first frame; a face whose picture is too poor to be classified counts as not detected."""

    def detect(gray: Gray) -> list[Face]:
        recognizer.reset()
        observation = recognizer.observe(Frame(gray, 0.0))
        return list(observation.faces) if observation.reading and observation.reading.weight else []

    return Chain(name, detect, lambda gray, face: recognizer.classify(Frame(gray, 0.0), face))


def judge(classifier: Classifier, label: int, read: Callable[[], Reading]) -> Right:
    """Return whether the expression of a reading is right under each of PRIORS. read: returns it."""
    right = []
    for classifier.prior in PRIORS:
        right.append(read().expression == label)
    return tuple(right)


def read_crop(classifier: Classifier, crop: Gray) -> Reading:
    """Return the reading of a ready crop, uint8 (48, 48, 1)."""
    return Reading(classifier.probabilities(crop), 0.0)


def format_row(bound: float, crops: list[Right], detections: list[list[Detection]]) -> str:
    """Return a row of the table: the detections of every frame whose overlap is at least the bound."""
    hits = [[one for one in frame if one.overlap >= bound][:1] for frame in detections]
    false = sum(one.overlap < bound for frame in detections for one in frame) / len(detections)
    pairs = [(hit[0].right, crop) for hit, crop in zip(hits, crops, strict=True) if hit]
    row = f"{bound:7} {len(pairs) / len(detections):7.3f} {false:20.3f}"
    for prior in range(len(PRIORS)):
        here, there = (np.array([pair[side][prior] for pair in pairs], float) for side in (0, 1))
        error = np.std(here - there) / np.sqrt(len(pairs))
        row += f"   {here.mean():6.3f} {there.mean():6.3f} {error:6.3f}"
    return row


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("count", type=int, nargs="?", default=1000)
    parser.add_argument("yunet", type=Path, nargs="?")
    parser.add_argument("--model", type=Path, default=DEFAULT_MODEL)
    main(**vars(parser.parse_args()))
