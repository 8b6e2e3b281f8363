"""`mien classify`: every face in photos, and its expression."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from mien.commands.arguments import add_config
from mien.commands.prior import add_prior, parse_prior
from mien.config import Config
from mien.config_file import load_effective
from mien.errors import InputError
from mien.events import Face, Reading, probabilities_by_label
from mien.service.people import load_household
from mien.vision.camera.folder import list_photos
from mien.vision.classifier import PriorChoice
from mien.vision.photo import read_photo
from mien.vision.recognizer import find_yunet_file, open_classifier
from mien.vision.still import classify_with_tta, haar_still_detector, yunet_still_detector

Faces = list[tuple[Face, Reading]]
"""Faces in the pixels of the upright original, with their readings, the largest first."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `mien classify`."""
    add_config(parser)
    parser.add_argument("photos", nargs="+", type=Path, metavar="PHOTO", help="a photo, or a folder of photos")
    add_prior(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object a photo")


def run(arguments: argparse.Namespace) -> int:
    """Print the faces of every photo; one that cannot be read costs only itself, and the exit code."""
    classify = open_photo_classifier(load_effective(arguments.config), parse_prior(arguments.prior))
    code = 0
    for argument in arguments.photos:
        try:
            paths = list_photos(argument) if argument.is_dir() else [argument]
        except InputError as error:
            code = _print_error(error)
            continue
        for path in paths:
            try:
                faces = classify(path)
            except InputError as error:
                code = _print_error(error)
                continue
            text = json.dumps(photo_to_dict(path, faces)) if arguments.json else format_photo(path, faces)
            print(text, flush=True)
    return code


def _print_error(error: InputError) -> int:
    print(f"mien: {error}", file=sys.stderr)
    return error.exit_code


def open_photo_classifier(config: Config, prior: PriorChoice = "even") -> Callable[[Path], Faces]:
    """Load the detector and the network once, for any number of photos; the readings are under a prior.

    Raises ModelError.
    """
    yunet, min_face = find_yunet_file(config.vision), config.vision.min_face
    detect = yunet_still_detector(yunet, min_face) if yunet else haar_still_detector(min_face)
    classifier = open_classifier(config.model)
    classifier.prior = prior
    classifier.calibration = load_household(classifier.contract)

    def classify(path: Path) -> Faces:
        photo = read_photo(path, min_face)
        faces = detect(photo.gray, photo.scale)
        return [(photo.to_original(face), classify_with_tta(classifier, photo.gray, face)) for face in faces]

    return classify


def photo_to_dict(path: Path, faces: Faces) -> dict[str, object]:
    """Return the object of `mien classify --json`."""
    return {
        "path": str(path),
        "faces": [
            {
                "box": [face.x, face.y, face.width, face.height],
                "expression": reading.expression.label,
                "confidence": round(reading.confidence, 4),
                "probabilities": probabilities_by_label(reading.probabilities),
            }
            for face, reading in faces
        ],
    }


def format_photo(path: Path, faces: Faces) -> str:
    """Return one line for a person."""
    if not faces:
        return f"{path}: no face"
    texts = [f"{r.expression.label} ({r.confidence:.0%}) at ({f.x}, {f.y}), {f.width} px wide" for f, r in faces]
    return f"{path}: " + "; ".join(texts)
