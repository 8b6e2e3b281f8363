"""Generate the demo's faces: for each expression the average of hundreds of training faces, so no person's face.

    python -m mien_training.tools.demo_face DATA device/mien/data/demo_faces.png

Each face is aligned to the average by the enhanced correlation coefficient (Evangelidis & Psarakis 2008); those with
the worst alignment are left out of the next average. Averaging many shifted faces also reveals detail finer than their
pixels, so the result is twice their size. Finally each average is moved away from the neutral one, as a caricature,
since averaging flattens an expression.
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

_MAX_FACES = 1500  # faces of a label that are used
_KEEP = 0.3  # share of them in the last average
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
        images = faces.images[faces.labels == expression, :, :, 0][:_MAX_FACES]
        averages.append(average_faces(images))
        print(f"{expression.label}: average of {round(len(images) * _KEEP)} of {len(images)} faces")
    neutral = averages[Expression.NEUTRAL]
    caricatures = [neutral + _CARICATURE * (face - neutral) if face is not neutral else face for face in averages]
    cv2.imwrite(str(out), np.hstack([to_picture(face) for face in caricatures]))
    return 0


def average_faces(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the mirror-symmetric average of faces, float32 (96, 96), each with zero mean and unit variance."""
    faces = np.stack([_standardize(cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)) for image in images])
    mean = _symmetrize(faces.mean(axis=0))
    for share in (0.6, _KEEP):
        aligned = [_align(face, mean) for face in faces]
        aligned.sort(key=lambda pair: pair[0], reverse=True)
        kept = aligned[: max(1, round(len(aligned) * share))]
        mean = _symmetrize(np.mean([face for _, face in kept], axis=0))
    return mean


def to_picture(face: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return grey levels, uint8, with the contrast of a photo."""
    return np.asarray(np.clip(128 + _CONTRAST * _standardize(face), 0, 255), np.uint8)


def _align(face: NDArray[np.float32], mean: NDArray[np.float32]) -> tuple[float, NDArray[np.float32]]:
    """Return the correlation with the mean after the best affine alignment, and the aligned face."""
    initial = np.eye(2, 3, dtype=np.float32)
    stop = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 30, 1e-3)
    try:
        correlation, matrix = cv2.findTransformECC(mean, face, initial, cv2.MOTION_AFFINE, stop)
    except cv2.error:  # no convergence: the face is too different from the mean
        return -1.0, face
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    aligned = cv2.warpAffine(face, matrix, (SIDE, SIDE), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return float(correlation), np.asarray(aligned, np.float32)


def _standardize(face: NDArray[np.generic]) -> NDArray[np.float32]:
    values = np.asarray(face, np.float32)
    return np.asarray((values - values.mean()) / (values.std() + 1e-6), np.float32)


def _symmetrize(face: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray((face + face[:, ::-1]) / 2, np.float32)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
