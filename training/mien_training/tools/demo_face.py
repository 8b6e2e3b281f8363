"""Generate the demo's faces: for each expression the average of 200 or more training faces, so no person's face.

    python -m mien_training.tools.demo_face DATA device/mien/data/demo_faces.png

The faces are those of which most of FER+'s taggers are sure, where their votes lie beside the data: averages over all
faces with one of FER2013's own labels, many of which are wrong, hardly differ from the neutral one. Each face is
aligned to the average by the enhanced correlation coefficient (Evangelidis & Psarakis 2008); those with the worst
alignment are left out of the next average. Averaging many shifted faces also reveals detail finer than their pixels,
so the result is twice their size. Finally each average is moved away from the neutral one, as a caricature, since
averaging flattens an expression.
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
from mien_training.data.fer2013 import Faces

SIDE = 96
"""Pixels of an average face."""

_MAX_FACES = 600  # faces of an expression that are used
_KEPT = 200  # of them in an average, those that align best
_CARICATURES = (
    1.0,
    1.1,
    0.95,
    1.4,
    1.7,
    1.2,
    1.7,
)  # in the order of Expression; too much, and crying looks like laughter
_CONTRAST = 48.0  # standard deviation of the grey levels, about that of a photo


def main(arguments: list[str]) -> int:
    """Write the seven averages side by side, in the order of Expression."""
    try:
        data, out = (Path(argument) for argument in arguments)
        faces = fer2013.read(data, "Training").view("ferplus")
    except ValueError:
        print("usage: python -m mien_training.tools.demo_face DATA OUT.png", file=sys.stderr)
        return 2
    except MienError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    averages = []
    for expression in Expression:
        images = clearest_faces(faces, expression)
        averages.append(average_faces(images))
        print(f"{expression.label}: average of {min(_KEPT, len(images))} of {len(images)} faces", flush=True)
    neutral = averages[Expression.NEUTRAL]
    caricatures = [neutral + strength * (face - neutral) for strength, face in zip(_CARICATURES, averages, strict=True)]
    cv2.imwrite(str(out), np.hstack([to_picture(face) for face in caricatures]))
    return 0


def clearest_faces(faces: Faces, expression: Expression) -> NDArray[np.uint8]:
    """Return at most 600 faces of an expression, those with the most votes for it first; uint8 (count, 48, 48)."""
    indices = np.flatnonzero(faces.labels == expression)
    order = np.argsort(-faces.targets[indices, expression], kind="stable")
    return faces.images[indices[order][:_MAX_FACES], :, :, 0]


def average_faces(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the mirror-symmetric average of faces, float32 (96, 96), each with zero mean and unit variance."""
    faces = np.stack([_standardize(cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)) for image in images])
    mean = _symmetrize(faces.mean(axis=0))
    for _ in range(2):
        aligned = [_align(face, mean) for face in faces]
        aligned.sort(key=lambda pair: pair[0], reverse=True)
        mean = _symmetrize(np.mean([face for _, face in aligned[:_KEPT]], axis=0))
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
