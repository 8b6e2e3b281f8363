"""The errors of the detectors' boxes on training faces in composite frames: the source of `augment.BOX_ERRORS`.

    python benchmarks/boxes.py DATA [COUNT] [YUNET]

DATA: the folder of fer2013.csv. YUNET: its model file, to measure it instead of the cascade. x and y are shares of the
face's width; the width's error is a logarithm.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

from mien.vision.detector import FaceDetector, HaarDetector
from mien.vision.yunet import YunetDetector
from mien_training.data import fer2013
from mien_training.evaluation.boxes import box_errors

_MIN_FACE = 60


def main(data: Path, count: int, yunet: str) -> None:
    """Print recall, means, standard deviations and the correlation of y and width, for each kind of search."""
    cv2.setNumThreads(1)
    faces = fer2013.read(data, "Training")
    chosen = np.random.default_rng(0).permutation(len(faces))[:count]
    detector: FaceDetector = YunetDetector(Path(yunet), _MIN_FACE) if yunet else HaarDetector(_MIN_FACE)
    print(f"{'yunet' if yunet else 'haar'}: {count} faces")
    print("search        detected   mean of x, y, width     standard deviations     correlation of y and width")
    for search, errors in box_errors(detector, faces.images[chosen]).items():
        means, deviations = (
            " ".join(f"{value:+.3f}" for value in row) for row in (errors.mean(axis=0), errors.std(axis=0))
        )
        correlation = float(np.ravel(np.corrcoef(errors[:, 1:].T))[1])
        print(f"{search:13} {len(errors) / count:8.3f}   {means}   {deviations}   {correlation:+.2f}")


if __name__ == "__main__":
    if len(sys.argv) not in {2, 3, 4}:
        sys.exit(__doc__)
    options = [*sys.argv[2:], "1500", ""] if len(sys.argv) == 2 else [*sys.argv[2:], ""]
    main(Path(sys.argv[1]), int(options[0]), options[1])
