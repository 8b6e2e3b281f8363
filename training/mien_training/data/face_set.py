"""Reading one set of labelled faces of any origin, to measure on it: ready crops, or whole photos."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.config import VisionConfig
from mien.errors import InputError
from mien.text import printable
from mien.vision.crop import resize, to_input
from mien.vision.photo import MIN_SIDE, read_gray, read_photo
from mien.vision.recognizer import find_yunet_file
from mien.vision.still import StillDetector, haar_still_detector, yunet_still_detector
from mien_training.data.fer2013 import Faces, NoFacesError
from mien_training.data.label_mapping import LabelMapping
from mien_training.data.picture_folders import SPLIT_FOLDERS, LabelledPicture, list_pictures, split_folder

Cropper = Callable[[Path], NDArray[np.uint8] | None]
"""The network's input, uint8 (48, 48, 1), from a picture's file; None where no face was detected in it."""

_MAX_SIDE = 1280  # pixels to which larger pictures are shrunk
_MOST_NAMES = 5
_PROGRESS = 500  # pictures from one line of progress to the next


def list_face_set(folder: Path, mapping: LabelMapping | None = None) -> list[LabelledPicture]:
    """Return the pictures of a set: FOLDER/LABEL/**, or those of all its splits FOLDER/train/LABEL/** and so on.

    Raises InputError for anything else.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder: give one with a folder of pictures for each expression.")
    splits = [part for part in (split_folder(folder, split) for split in SPLIT_FOLDERS) if part is not None]
    pictures = [picture for part in splits or [folder] for picture in list_pictures(part, mapping)]
    if not pictures:
        raise NoFacesError(f"{folder} holds no pictures in folders named after expressions, such as {folder}/happy.")
    return pictures


def whole_picture(path: Path) -> NDArray[np.uint8]:
    """Return a ready crop as the network's input, whole. Raises InputError under 24 pixels a side."""
    return resize(read_gray(path, MIN_SIDE, _MAX_SIDE))[:, :, np.newaxis]


def open_cropper(margin: float) -> Cropper:
    """Return a cropper with the still detector of `mien classify`: YuNet where it was fetched, else the cascades.

    margin: share of the detector's box, the network's.
    """
    vision = VisionConfig()
    yunet = find_yunet_file(vision)
    detect = yunet_still_detector(yunet, vision.min_face) if yunet else haar_still_detector(vision.min_face)
    return detecting_cropper(detect, vision.min_face, margin)


def detecting_cropper(detect: StillDetector, min_face: int, margin: float) -> Cropper:
    """Return a cropper that detects the largest face of a photo. min_face: pixels; margin: share of its box."""

    def crop(path: Path) -> NDArray[np.uint8] | None:
        photo = read_photo(path, min_face)
        faces = detect(photo.gray, photo.scale)
        return to_input(photo.gray, faces[0], margin) if faces else None

    return crop


def read_faces(pictures: list[LabelledPicture], crop: Cropper = whole_picture) -> Faces:
    """Return the faces of pictures, without those in which no face was detected; these are counted on stderr.

    Raises InputError, with its name, for a picture that cannot be read, and where no face is left.
    """
    images, chosen, missed = [], [], []
    for number, picture in enumerate(pictures, 1):
        image = crop(picture.path)
        if image is None:
            missed.append(picture.path.name)
        else:
            images.append(image)
            chosen.append(picture)
        if number % _PROGRESS == 0:
            print(f"{number} of {len(pictures)} pictures read", file=sys.stderr, flush=True)
    if missed:
        names = ", ".join(printable(name, 60) for name in missed[:_MOST_NAMES])
        more = f" and {len(missed) - _MOST_NAMES} more" if len(missed) > _MOST_NAMES else ""
        print(f"no face was detected in {len(missed)} of {len(pictures)} pictures: {names}{more}.", file=sys.stderr)
    if not images:
        raise NoFacesError("No face was detected in any of the pictures: leave out --detect for ready crops.")
    labels = np.array([picture.label for picture in chosen], np.int64)
    return Faces(np.stack(images), labels, files=np.array([str(picture.path) for picture in chosen]))
