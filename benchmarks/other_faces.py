"""How mien names faces of other origin, and of people who were learned: balanced recall of each set, never pooled.

    python benchmarks/other_faces.py FOLDER [FOLDER...] [--people TABLE_OR_RULE] [--detect] [--labels FILE]

A FOLDER is a set of labelled pictures, as of `mien-train evaluate`. --people gives who is in each: a table (CSV:
picture, person and, if need be, label), or a regular expression whose first group is the person in a picture's path,
such as 'front_([0-9]+)'. Each person's pictures are then named with a calibration that was learned from others of that
person (never from the tested one). The interval of 95 % is of bootstrap samples of whole people, or of faces.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from mien.errors import MienError
from mien.vision.classifier import Classifier, evidence
from mien_training.data.face_set import open_cropper, read_faces, whole_picture
from mien_training.data.label_mapping import read_label_mapping
from mien_training.data.picture_people import list_people
from mien_training.evaluation.balanced_recall import balanced_recall, format_recall
from mien_training.evaluation.other_people import WAYS, compare_calibration, format_comparison


def measure(folder: Path, classifier: Classifier, args: argparse.Namespace) -> dict[str, Any]:
    """Print the figures of one set, and return them."""
    labels = read_label_mapping(args.labels) if args.labels else None
    known = list_people(folder, args.people, labels)
    crop = open_cropper(classifier.contract.crop_margin) if args.detect else whole_picture
    faces = read_faces(known.pictures, crop)
    print(f"{folder}: classifying {len(faces)} faces", file=sys.stderr, flush=True)
    logits = np.array([classifier.logits(image) for image in faces.images])
    plain = evidence(logits, classifier.contract.class_prior)
    if not known.people:
        figures = balanced_recall(plain.argmax(axis=1), faces.labels)
        print(f"{folder}: {len(faces)} faces\n{format_recall(figures)}", flush=True)
        return {"data": str(folder), "plain": figures}
    assert faces.files is not None
    by_file = {str(picture.path): person for picture, person in zip(known.pictures, known.people, strict=True)}
    people = np.array([by_file[file] for file in faces.files.tolist()])
    figures = balanced_recall(plain.argmax(axis=1), faces.labels, people)
    print(f"{folder}: {len(faces)} faces of {len(set(people))} people\n{format_recall(figures)}", flush=True)
    result: dict[str, Any] = {"data": str(folder), "plain": figures}
    for way, choose in WAYS.items():
        comparison = compare_calibration(plain, faces.labels, people, classifier.contract.class_means, choose)
        if comparison is None:
            print(f"learned from {way}: no person has enough pictures", flush=True)
        else:
            print(format_comparison(way, comparison), flush=True)
            result[way] = asdict(comparison)
    return result


def main() -> None:
    """Measure each folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--people", metavar="TABLE_OR_RULE", help="who is in each picture")
    parser.add_argument("--detect", action="store_true", help="the pictures are whole photos: detect their faces")
    parser.add_argument("--labels", type=Path, metavar="FILE", help="the expressions of folders with other names")
    parser.add_argument("--model", type=Path, help="default: the shipped one")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    args = parser.parse_args()
    classifier = Classifier.load(args.model) if args.model else Classifier.load()
    results = [measure(folder, classifier, args) for folder in args.folders]
    if args.json:
        args.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    try:
        main()
    except MienError as error:
        sys.exit(str(error))
