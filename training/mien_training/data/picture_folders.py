"""Reading trees of labelled pictures, FOLDER/LABEL/..., as archives and file managers leave them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, NoReturn

from mien.errors import InputError
from mien.expression import Expression
from mien.text import printable
from mien.vision.photo import is_photo
from mien_training.data.label_mapping import LabelMapping, expression_of, format_proposal, is_skipped

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".pgm", ".tif", ".tiff"})
"""Of files that must be pictures: one that cannot be read is an error, not something else that lies there."""

SPLIT_FOLDERS = {"train": ("train", "training"), "val": ("val", "validation", "valid"), "test": ("test",)}
"""The names that a split's folder may have."""

_JUNK = frozenset({"__macosx", "thumbs.db", "desktop.ini", "@eadir", "$recycle.bin", "system volume information"})
"""What archives, file managers and disk stations leave behind, in lower case; the rest of it is hidden files."""

_MOST_NAMES = 5  # of what is skipped, in one line


class LabelledPicture(NamedTuple):
    """A picture's file, and the expression of its folder."""

    path: Path
    label: Expression


@dataclass(slots=True)
class _Skipped:
    """What a tree holds besides its labelled pictures. paths: of what is none. by_label: pictures, by the mapping."""

    paths: list[Path] = field(default_factory=list)
    by_label: list[Path] = field(default_factory=list)


def split_folder(data: Path, split: str) -> Path | None:
    """Return the folder of a split ("train", "val" or "test") in any case of its name; None without one."""
    names = SPLIT_FOLDERS[split]
    folders = {path.name.lower(): path for path in _entries(data) if path.is_dir() and path.name.lower() in names}
    return next((folders[name] for name in names if name in folders), None)


def list_pictures(folder: Path, mapping: LabelMapping | None = None) -> list[LabelledPicture]:
    """Return the pictures of FOLDER/LABEL/**, ordered by label folder and path.

    What is a picture is decided by its content. Hidden files, leftovers of archives and file managers, files that are
    not pictures, and what the mapping skips, are counted and named in one line on stderr.
    mapping: of folder names to expressions, besides the names of the expressions themselves.
    Raises InputError for a folder with an unknown name, and for a label's folder inside another's.
    """
    mapping = mapping or {}
    skipped = _Skipped()
    pictures: list[LabelledPicture] = []
    unknown = []
    for entry in _entries(folder):
        if _is_junk(entry.name) or not entry.is_dir():
            skipped.paths.append(entry)
            continue
        label = expression_of(entry.name, mapping)
        if label is not None:
            pictures += [LabelledPicture(path, label) for path in _pictures(entry, label, skipped.paths)]
        elif is_skipped(entry.name, mapping):
            skipped.by_label += _pictures(entry, None, skipped.paths)
        else:
            unknown.append(entry.name)
    if unknown:
        raise InputError(format_proposal(folder, unknown))
    _report(folder, skipped)
    return pictures


def _pictures(folder: Path, label: Expression | None, skipped: list[Path]) -> list[Path]:
    pictures: list[Path] = []
    for path in _files(folder, label, skipped):
        (pictures if _is_picture(path) else skipped).append(path)
    return pictures


def _files(folder: Path, label: Expression | None, skipped: list[Path]) -> Iterator[Path]:
    """Yield the files of a label's folder and of the folders in it, and append the others to `skipped`."""
    for place, folders, files in os.walk(folder, onerror=_raise):
        here = Path(place)
        for name in sorted(folders):
            other = Expression.from_name(name)
            if label is not None and other not in {None, label}:
                raise InputError(
                    f"{here / name} lies in the folder of {label.label}, yet has the name of an expression itself: "
                    f"move it beside {folder.name}, or rename it."
                )
        skipped += [here / name for name in sorted(folders) if _is_junk(name) or (here / name).is_symlink()]
        folders[:] = sorted(name for name in folders if not _is_junk(name))
        for name in sorted(files):
            if _is_junk(name) or not (here / name).is_file():
                skipped.append(here / name)
            else:
                yield here / name


def _is_picture(path: Path) -> bool:
    """Return whether a file is one of the pictures; a damaged one with a picture's suffix is, so that it is named."""
    return path.suffix.lower() in PICTURE_SUFFIXES or is_photo(path)


def _is_junk(name: str) -> bool:
    return name.startswith(".") or name.lower() in _JUNK


def _report(folder: Path, skipped: _Skipped) -> None:
    """Print what was skipped, with the first names, on stderr."""
    for paths, cause in (
        (skipped.paths, "not pictures of a label"),
        (skipped.by_label, "pictures of labels to skip"),
    ):
        if paths:
            names = ", ".join(printable(str(path.relative_to(folder)), 60) for path in paths[:_MOST_NAMES])
            more = f" and {len(paths) - _MOST_NAMES} more" if len(paths) > _MOST_NAMES else ""
            print(f"{folder}: {len(paths)} skipped, {cause}: {names}{more}.", file=sys.stderr)


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        _raise(error)


def _raise(error: OSError) -> NoReturn:
    raise InputError(f"{error.filename} cannot be read: {error.strerror}.") from None
