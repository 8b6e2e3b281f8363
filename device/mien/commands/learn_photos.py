"""Photos for `mien learn --from`: a folder for each expression."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.commands.progress import Progress
from mien.config import Config
from mien.errors import InputError, LearningError
from mien.expression import Expression
from mien.text import printable
from mien.vision.camera.folder import list_photos
from mien.vision.classifier import Classifier
from mien.vision.photo import read_photo
from mien.vision.recognizer import find_yunet_file
from mien.vision.still import StillDetector, evidence_with_tta, haar_still_detector, yunet_still_detector

Readings = dict[Expression, list[NDArray[np.float64]]]

log = logging.getLogger(__name__)


def read_folder(folder: Path, config: Config, classifier: Classifier) -> Readings:
    """Return the evidence of the largest face of each photo, by the expression that its folder names.

    A photo that cannot be read, or without a face, is logged and left out. Raises InputError for a folder that cannot
    be read, and LearningError where no photo shows a neutral face.
    """
    photos = _photos_by_expression(folder)
    if Expression.NEUTRAL not in photos:
        raise LearningError(
            f"{folder} has no photos of a neutral face: put some into {folder / 'neutral'}, and those of other "
            f"expressions into {folder / 'happy'} and so on."
        )
    yunet, min_face = find_yunet_file(config.vision), config.vision.min_face
    detect = yunet_still_detector(yunet, min_face) if yunet else haar_still_detector(min_face)
    readings: Readings = {}
    count = sum(len(paths) for paths in photos.values())
    done = 0
    with Progress(sys.stderr) as progress:
        for expression, paths in photos.items():
            for path in paths:
                progress("reading photos", done / count)
                done += 1
                evidence = _read_face(path, min_face, detect, classifier)
                if evidence is not None:
                    readings.setdefault(expression, []).append(evidence)
    if Expression.NEUTRAL not in readings:
        raise LearningError(f"No photo in {folder} shows a neutral face that is detected: use larger or clearer ones.")
    return readings


def _photos_by_expression(folder: Path) -> dict[Expression, list[Path]]:
    """Return the photos of each folder whose name is an expression's, in the order of Expression."""
    try:
        entries = sorted(folder.iterdir())
    except FileNotFoundError:
        raise InputError(f"There is no folder {folder}: check the name.") from None
    except OSError as error:
        raise InputError(f"{folder} cannot be read: {error.strerror}.") from None
    photos: dict[Expression, list[Path]] = {}
    for entry in entries:
        expression = Expression.from_name(entry.name)
        if not entry.is_dir() or entry.name.startswith("."):
            continue
        if expression is None:
            log.warning("%s is left out: its name is not an expression's.", printable(str(entry)))
            continue
        try:
            photos.setdefault(expression, []).extend(list_photos(entry))
        except InputError as error:
            log.warning("%s", error)
    return {expression: photos[expression] for expression in Expression if photos.get(expression)}


def _read_face(path: Path, min_face: int, detect: StillDetector, classifier: Classifier) -> NDArray[np.float64] | None:
    """Return the evidence of a photo's largest face, (7,); None, with a warning, where there is none."""
    try:
        photo = read_photo(path, min_face)
    except InputError as error:
        log.warning("%s", error)
        return None
    faces = detect(photo.gray, photo.scale)
    if not faces:
        log.warning("%s is left out: no face is detected in it.", printable(str(path)))
        return None
    return np.asarray(evidence_with_tta(classifier, photo.gray, faces[0]), np.float64)
