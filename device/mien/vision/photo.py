"""Reading photos safely: checked before they are decoded, upright, grey, and no larger than a detector needs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from mien.errors import InputError

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".pgm", ".tif", ".tiff"})

MAX_PIXELS = 64_000_000
"""A photo of more is refused before it is decoded: it would need more memory than a small Pi can spare."""

MIN_SIDE = 24
"""Pixels of the face cascade's own window: no smaller picture can hold a face."""

Image.MAX_IMAGE_PIXELS = None  # our own limit is stricter, and its message names what to do

_MAX_SIDE = 1280
"""Pixels of the longer side to which larger photos are shrunk: a detector gains nothing from more."""


def read_photo(path: Path) -> NDArray[np.uint8]:
    """Return a photo as grey, uint8 (height, width), upright by its EXIF orientation, at most 1280 pixels a side.

    Raises InputError for a file that is not a whole picture of a sensible size.
    """
    return read_gray(path, MIN_SIDE, _MAX_SIDE)


def read_gray(path: Path, min_side: int, max_side: int) -> NDArray[np.uint8]:
    """Return a picture as grey, uint8 (height, width), upright, shrunk above max_side (pixels).

    Raises InputError for a picture under min_side (pixels), or one that cannot be read.
    """
    try:
        with Image.open(path) as image:  # reads the header only
            _check_size(path, image.size, min_side)
            image.draft("L", (max_side, max_side))  # a JPEG decodes straight to a smaller grey picture
            gray = _to_gray(ImageOps.exif_transpose(image))
    except FileNotFoundError:
        raise InputError(f"There is no file {path}: check the name.") from None
    except (IsADirectoryError, PermissionError) as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from None
    except (OSError, SyntaxError, ValueError):
        raise InputError(f"{path} is not a picture that can be read: it is damaged or something else.") from None
    gray.thumbnail((max_side, max_side), Image.Resampling.BOX)
    return np.asarray(gray)


def list_photos(folder: Path) -> list[Path]:
    """Return the pictures of a folder in the order of their names. Raises InputError where there is none."""
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise InputError(f"{folder} holds no photo: use a folder with JPEG or PNG files.")
    return paths


def _check_size(path: Path, size: tuple[int, int], min_side: int) -> None:
    width, height = size
    if width * height > MAX_PIXELS:
        limit = MAX_PIXELS // 10**6
        raise InputError(f"{path} has {width} x {height} pixels: use a picture of at most {limit} megapixels.")
    if min(size) < min_side:
        raise InputError(
            f"{path} has only {width} x {height} pixels: use a picture of at least {min_side} x {min_side}."
        )


def _to_gray(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16 bits a pixel, which Pillow would clip instead of scale
        return Image.fromarray((np.asarray(image) >> 8).clip(0, 255).astype(np.uint8))
    return image.convert("L")
