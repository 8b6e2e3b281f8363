"""Makes the demo's face: for each expression the average of hundreds of training faces, so nobody's own.

    python -m mien_training.tools.demo_face DATA device/mien/data/demo_faces.png

Each face is aligned to the average by the enhanced correlation coefficient (Evangelidis & Psarakis 2008); those that
fit worst are left out of the next average. Averaging many shifted faces also brings out detail finer than their
pixels, so the result is twice their size. At last each average is drawn away from the neutral one, as a caricature,
since averaging flattens what makes an expression.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.errors import MienError
from mien.expression import Expression
from mien_training.data import fer2013

SIDE = 96
"""Pixels of an average face."""

_MOST = 1500  # faces of a label that are looked at
_KEEP = 0.3  # share of them that goes into the last average
_CARICATURE = 1.6
_CONTRAST = 48.0  # standard deviation of the grey levels, about that of a photo


def main(arguments: list[str]) -> int:
    """Write the seven averages side by side, in the order of Expression."""
    try:
        data, out = (Path(argument) for argument in arguments)
        faces = fer2013.read(data, "Training")
    except ValueError:
        print("usage: python -m mien_training.tools.demo_face DATA OUT.png", file=sys.stderr)
        return 2
    except MienError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    averages = []
    for expression in Expression:
        images = faces.images[faces.labels == expression, :, :, 0][:_MOST]
        averages.append(average(images))
        print(f"{expression.label}: average of {round(len(images) * _KEEP)} of {len(images)} faces")
    neutral = averages[Expression.NEUTRAL]
    drawn = [neutral + _CARICATURE * (face - neutral) if face is not neutral else face for face in averages]
    cv2.imwrite(str(out), np.hstack([to_picture(face) for face in drawn]))
    return 0


def average(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The mirror-symmetric average, float32 (96, 96), zero mean and unit variance before averaging."""
    faces = np.stack([_standard(cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)) for image in images])
    mean = _symmetric(faces.mean(axis=0))
    for share in (0.6, _KEEP):
        aligned = [_align(face, mean) for face in faces]
        aligned.sort(key=lambda pair: pair[0], reverse=True)
        kept = aligned[: max(1, round(len(aligned) * share))]
        mean = _symmetric(np.mean([face for _, face in kept], axis=0))
    return mean


def to_picture(face: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Grey levels, uint8, with the contrast of a photo."""
    return np.clip(128 + _CONTRAST * _standard(face), 0, 255).astype(np.uint8)


def _align(face: NDArray[np.float32], mean: NDArray[np.float32]) -> tuple[float, NDArray[np.float32]]:
    """The correlation with the mean after the best affine move, and the face so moved."""
    move = np.eye(2, 3, dtype=np.float32)
    stop = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 30, 1e-3)
    try:
        fit, found = cv2.findTransformECC(mean, face, move, cv2.MOTION_AFFINE, stop)
    except cv2.error:  # it did not converge: a face unlike the mean
        return -1.0, face
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(face, found, (SIDE, SIDE), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return float(fit), np.asarray(moved, np.float32)


def _standard(face: NDArray[np.generic]) -> NDArray[np.float32]:
    values = np.asarray(face, np.float32)
    return np.asarray((values - values.mean()) / (values.std() + 1e-6), np.float32)


def _symmetric(face: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray((face + face[:, ::-1]) / 2, np.float32)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
