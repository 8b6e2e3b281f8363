"""Results of `mien classify` on photos with unseen faces, against the same faces as ready crops.

    python benchmarks/composite.py DATA [COUNT] [YUNET]

DATA: the folder of fer2013.csv. Faces of PublicTest are placed anywhere in 640x480 frames, 96 to 220 px wide.
YUNET: its model file, to measure it instead of the cascades. A box finds its face if they overlap (intersection over
union) by at least the bound in the table: a face that fills its picture has no certain edge, and a box that is half as
large again still is on the face. Two boxes with one centre overlap by 0.3 if one is 1.8 times as wide as the other.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from mien.commands.classify import open_photo_classifier
from mien.config import Config, VisionConfig
from mien.vision.classifier import Classifier
from mien.vision.detector import overlap
from mien_training.data import fer2013
from mien_training.evaluation.crop_margin import compose

BOUNDS = (0.3, 0.4, 0.5)


def main(data: Path, count: int, yunet: str) -> None:
    """Print recall, false faces a frame, and accuracy on found faces beside that on their original crops."""
    cv2.setNumThreads(1)
    classifier = Classifier.load()
    faces = fer2013.read(data, "PublicTest").view(classifier.contract.view)
    chosen = np.random.default_rng(0).permutation(len(faces))[:count]
    classify = open_photo_classifier(
        Config(vision=VisionConfig(detector="yunet" if yunet else "haar", yunet_file=yunet)),
        prior="data",  # the faces are as frequent as in the training data
    )
    rows, times = [], []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "photo.png")
        for index in chosen:
            label = int(faces.labels[index])
            frame, place = compose(faces.images[index, :, :, 0], np.random.default_rng(index))
            cv2.imwrite(str(path), frame)
            began = time.perf_counter()
            detected = classify(path)
            times.append(time.perf_counter() - began)
            as_crop = int(classifier.logits(faces.images[index]).argmax()) == label
            rows.append((as_crop, [(overlap(face, place), reading.expression == label) for face, reading in detected]))
    print(f"{'yunet' if yunet else 'haar'}: {count} photos, {np.median(times) * 1000:.0f} ms each (median)")
    print("overlap   recall   false faces a photo   accuracy on found faces   on their original crops")
    for bound in BOUNDS:
        hits = [(as_crop, [right for iou, right in detected if iou >= bound][:1]) for as_crop, detected in rows]
        found = [(as_crop, right[0]) for as_crop, right in hits if right]
        false = sum(iou < bound for _, detected in rows for iou, _ in detected)
        here, there = (float(np.mean([pair[side] for pair in found])) for side in (1, 0))
        print(f"{bound:7} {len(found) / count:8.3f} {false / count:21.3f} {here:25.3f} {there:25.3f}")


if __name__ == "__main__":
    if len(sys.argv) not in {2, 3, 4}:
        sys.exit(__doc__)
    options = [*sys.argv[2:], "600", ""] if len(sys.argv) == 2 else [*sys.argv[2:], ""]
    main(Path(sys.argv[1]), int(options[0]), options[1])
