"""The photos of a folder, whatever else file managers, archives and people left in it."""

from __future__ import annotations

import logging
from pathlib import Path

from mien.errors import InputError
from mien.text import printable
from mien.vision.photo import UnsuitablePhotoError, check_photo, is_photo

_log = logging.getLogger(__name__)

_MOST_NAMES = 5  # of what is left out, in one line


def list_photos(folder: Path) -> list[Path]:
    """Return the photos of a folder, recognized by their content, in the order of their names.

    Hidden files, sub-folders, files that are not photos, photos of a wrong size and those whose decoder is missing are
    left out, counted and named in one line of the log. A damaged photo stays, so that reading it raises an error with
    its name. Raises InputError where no photo is left.
    """
    photos: list[Path] = []
    left_out: list[Path] = []
    refusal: UnsuitablePhotoError | None = None
    for path in _entries(folder):
        if path.name.startswith(".") or not path.is_file() or not is_photo(path):
            left_out.append(path)
            continue
        error = _unsuitable(path)
        if error is None:
            photos.append(path)
        else:
            left_out.append(path)
            refusal = refusal or error
    if not photos:
        raise refusal or InputError(f"{folder} holds no photo: use a folder with JPEG or PNG files.")
    if left_out:
        _log.warning("%s", _format_left_out(folder, left_out, refusal))
    return photos


def _unsuitable(path: Path) -> UnsuitablePhotoError | None:
    """Return why a photo is left out; None for one to read, damaged or not."""
    try:
        check_photo(path)
    except UnsuitablePhotoError as error:
        return error
    except InputError:
        return None
    return None


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise InputError(f"{folder} cannot be read: {error.strerror}.") from None


def _format_left_out(folder: Path, paths: list[Path], refusal: InputError | None) -> str:
    """Return a line with the count and the first names. refusal: of the first photo that cannot be read."""
    names = ", ".join(printable(path.name, 60) for path in paths[:_MOST_NAMES])
    more = f" and {len(paths) - _MOST_NAMES} more" if len(paths) > _MOST_NAMES else ""
    count = "1 entry" if len(paths) == 1 else f"{len(paths)} entries"
    reason = f" {refusal}" if refusal else ""
    return f"{count} of {folder} left out: {names}{more}.{reason}"
