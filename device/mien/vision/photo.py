"""Reading photos safely: recognized by their content, checked before decoding, upright, grey, no larger than needed."""

from __future__ import annotations

import logging
import math
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien.errors import InputError, MienError
from mien.events import Face
from mien.vision.native_stderr import suppress_native_stderr

MAX_PIXELS = 64_000_000
"""A photo of more is refused before it is decoded: it would need more memory than a small Pi can spare."""

MIN_SIDE = 24
"""Pixels of the face cascade's own window: no smaller picture can hold a face."""

Image.MAX_IMAGE_PIXELS = None  # our own limit is stricter, and its message names what to do
logging.getLogger("PIL").setLevel(logging.CRITICAL)  # it warns of oddities that are no concern of the user's

_MAX_SIDE = 1280
"""Pixels of the longer side to which larger photos are shrunk: a detector gains nothing from more."""

_FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "JPEG2000", "AVIF", "HEIF")
"""Pillow's names of what counts as a photo. Others, such as MPEG, EPS and icons, it opens as well."""

_MAGIC = re.compile(rb"\xff\xd8|\x89PNG|RIFF....WEBP|II\*\0|MM\0\*", re.DOTALL)
"""How photos begin; of a damaged one this may be all that is left."""

_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_TIFF_NOISE = re.compile(rb"_?(TIFF|Fax|LZW|LZMA|ZIP|ZSTD|O?JPEG|LogL|PackBits|Pixar|Predictor|Dump|tempfile)\w*[:.]")
"""How libtiff, which prints what it finds wrong, begins its lines: with the name of a function, codec or file."""

_ORIENTATION = 0x0112  # the EXIF tag

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What sets a picture of each EXIF orientation upright."""


class UnsuitablePhotoError(InputError):
    """A photo is too small or too large, or of a kind whose decoder is not installed."""


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """A photo as a detector gets it.

    gray: uint8 (height, width), upright, shrunk where it was large. size: width and height of the upright original,
    pixels.
    """

    gray: NDArray[np.uint8]
    size: tuple[int, int]

    @property
    def scale(self) -> float:
        """Pixels of the original to one of `gray`, at least 1."""
        return float(max(self.size) / max(self.gray.shape))

    def to_original(self, face: Face) -> Face:
        """Return a box of `gray` in the pixels of the upright original."""
        height, width = self.gray.shape
        side = round(face.width * self.scale)
        return Face(round(face.x * self.size[0] / width), round(face.y * self.size[1] / height), side, side)


def read_photo(path: Path, min_face: int | None = None) -> Photo:
    """Return a photo, shrunk to 1280 pixels a side, or to where a face of `min_face` keeps the cascade's 24 pixels.

    min_face: side of the smallest face to detect, in pixels of the original; None where small faces do not matter.
    Raises InputError for a file that is not a whole picture of a sensible size.
    """
    return _read(path, MIN_SIDE, _MAX_SIDE, MIN_SIDE / min_face if min_face else 0.0)


def read_gray(path: Path, min_side: int, max_side: int) -> NDArray[np.uint8]:
    """Return a picture as grey, uint8 (height, width), upright, shrunk above max_side (pixels).

    Raises InputError for a picture under min_side (pixels), or one that cannot be read.
    """
    return _read(path, min_side, max_side, 0.0).gray


def is_photo(path: Path) -> bool:
    """Return whether the file's content is a photo, even a damaged one, or one that cannot be read here.

    An animated GIF is a video, as is a stream of JPEGs, which some cameras record. Raises InputError for a file that
    cannot be opened.
    """
    brands = _iso_brands(path)
    if brands:
        return bool(brands & (_HEIC_BRANDS | _AVIF_BRANDS))
    if _is_jpeg_stream(path):
        return False
    try:
        with _opened(path) as image:
            return not (image.format == "GIF" and getattr(image, "is_animated", False))
    except InputError:
        return _MAGIC.match(_read_head(path, 16)) is not None


def check_photo(path: Path) -> None:
    """Raise UnsuitablePhotoError for a photo that is whole, as far as its header shows, yet cannot be read here.

    Raises InputError for a damaged header.
    """
    with _opened(path) as image:
        _check_size(path, image.size, MIN_SIDE)


def _read(path: Path, min_side: int, max_side: int, min_share: float) -> Photo:
    """Read a picture. min_share: of the original's longer side that is kept, if that is more than max_side."""
    with _opened(path) as image:
        width, height = image.size
        _check_size(path, image.size, min_side)
        limit = max(max_side, math.ceil(max(image.size) * min(1.0, min_share)))
        upright = _UPRIGHT.get(_orientation(image))
        image.draft("L", (limit, limit))  # a JPEG decodes straight to a smaller grey picture
        with suppress_native_stderr(_TIFF_NOISE) if image.format == "TIFF" else nullcontext():
            gray = _to_gray(image)
        gray.thumbnail((limit, limit), Image.Resampling.BOX)
        if upright is not None:
            gray = gray.transpose(upright)
            if upright not in _KEEPS_SIDES:
                width, height = height, width
        return Photo(np.asarray(gray), (width, height))


_KEEPS_SIDES = (Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.FLIP_TOP_BOTTOM, Image.Transpose.ROTATE_180)


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Open a picture, of which only the header is read, and turn what fails in the body into an InputError.

    Pillow's warnings are ignored: the damage that they hint at is either repaired, or raises an error.
    """
    _load_decoder(path, _iso_brands(path))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            Image.init()
            with Image.open(path, formats=[name for name in _FORMATS if name in Image.OPEN]) as image:
                yield image
    except MienError:
        raise
    except Exception:
        # besides OSError, what decoders of damaged files raise: SyntaxError, struct.error, zlib.error ...
        raise InputError(f"{path} is not a picture that can be read: it is damaged or something else.") from None


def _load_decoder(path: Path, brands: frozenset[bytes]) -> None:
    """Register the decoder of HEIC photos where it is needed. Raises UnsuitablePhotoError where one is missing."""
    if brands & _AVIF_BRANDS:
        try:
            import_module("PIL._avif")
        except ImportError:
            raise UnsuitablePhotoError(
                f"{path} is an AVIF photo, which needs Pillow 11.3 or later: update Pillow, or save the photo as JPEG."
            ) from None
    elif brands & _HEIC_BRANDS:
        try:
            import_module("pillow_heif").register_heif_opener()
        except ImportError:
            raise UnsuitablePhotoError(
                f"{path} is a HEIC photo, which mien reads with pillow-heif: run 'pip install pillow-heif', "
                "or save the photo as JPEG."
            ) from None


def _iso_brands(path: Path) -> frozenset[bytes]:
    """Return the brands of an ISO media file (HEIC, AVIF, MP4; ISO/IEC 14496-12, 4.3); none for any other file.

    Raises InputError for a file that cannot be opened.
    """
    head = _read_head(path, 256)
    if head[4:8] != b"ftyp":
        return frozenset()
    box = head[8 : int.from_bytes(head[:4], "big")]
    return frozenset(box[at : at + 4] for at in range(0, len(box) - 3, 4) if at != 4)  # at 4 is a version


def _read_head(path: Path, count: int) -> bytes:
    """Return the first `count` bytes of a file. Raises InputError for one that cannot be opened."""
    try:
        with path.open("rb") as file:
            return file.read(count)
    except FileNotFoundError:
        raise InputError(f"There is no file {path}: check the name.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "its name is not valid"
        raise InputError(f"{path} cannot be read: {reason}.") from None


_STREAM_HEAD = 4_000_000  # bytes that hold the first two pictures of any camera's stream


def _is_jpeg_stream(path: Path) -> bool:
    """Return whether the file is three JPEGs or more, one directly after another, without an index (MPF) of them."""
    if _read_head(path, 3) != b"\xff\xd8\xff":
        return False
    data, at = _read_head(path, _STREAM_HEAD), 0
    for _ in range(2):
        at = _jpeg_end(data, at)
        if at < 0 or data[at : at + 3] != b"\xff\xd8\xff":
            return False
    return True


def _jpeg_end(data: bytes, start: int) -> int:
    """Return the place after the JPEG that begins at `start`; -1 where it does not end, or is one of an MPO file."""
    at = start + 2
    while data[at : at + 1] == b"\xff" and data[at + 1 : at + 2] != b"\xda":  # segments, up to the first scan
        if data[at + 1 : at + 2] == b"\xe2" and data[at + 4 : at + 8] == b"MPF\0":
            return -1
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    end = data.find(b"\xff\xd9", at)
    return -1 if end < 0 else end + 2


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8; 1, upright, where it is missing or damaged."""
    try:
        orientation = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # damaged EXIF data must not cost the photo
        return 1
    return orientation if isinstance(orientation, int) else 1


def _check_size(path: Path, size: tuple[int, int], min_side: int) -> None:
    width, height = size
    if width * height > MAX_PIXELS:
        limit = MAX_PIXELS // 10**6
        raise UnsuitablePhotoError(
            f"{path} has {width} x {height} pixels: use a picture of at most {limit} megapixels."
        )
    if min(size) < min_side:
        raise UnsuitablePhotoError(
            f"{path} has only {width} x {height} pixels: use a picture of at least {min_side} x {min_side}."
        )


def _to_gray(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16 bits a pixel, which Pillow would clip instead of scale
        return Image.fromarray((np.asarray(image) >> 8).clip(0, 255).astype(np.uint8))
    if image.mode == "F":  # floating point, of which 1 is white
        return Image.fromarray((np.nan_to_num(np.asarray(image)).clip(0, 1) * 255).astype(np.uint8))
    return image.convert("L")
