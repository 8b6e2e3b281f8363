"""Reading photos as people have them: large, turned, misnamed, of any kind and depth, damaged."""

from __future__ import annotations

import io
import sys
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from mien.errors import InputError
from mien.vision.photo import is_photo, read_photo
from mien.vision.still import StillDetector, haar_still_detector, yunet_still_detector
from tests.conftest import scene

SCENE_BOX = (198, 162, 177)
"""x, y and side of the face in the demo's scene, pixels of its 640 x 480."""


def large(turns: int = 0, orientation: int = 1, format_name: str = "JPEG") -> bytes:
    """The scene as a photo of 12 megapixels, stored after quarter turns to the left, with an EXIF orientation."""
    picture = np.rot90(cv2.resize(scene(), (4000, 3000), interpolation=cv2.INTER_CUBIC), turns)
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(file, format_name, exif=exif)
    return file.getvalue()


def still_detector(request: pytest.FixtureRequest, name: str, min_face: int) -> StillDetector:
    """The cascades, or YuNet where the test data has it."""
    if name == "haar":
        return haar_still_detector(min_face)
    return yunet_still_detector(request.getfixturevalue("yunet_file"), min_face)


@pytest.mark.parametrize(("turns", "orientation"), [(0, 1), (1, 6), (2, 3), (3, 8)])
@pytest.mark.parametrize("detector", ["haar", "yunet"])
def test_a_box_is_in_pixels_of_the_upright_original(
    tmp_path: Path, request: pytest.FixtureRequest, detector: str, turns: int, orientation: int
) -> None:
    """However the camera was held: 6.25 times the box in the scene, from which the photo was enlarged."""
    path = tmp_path / "large.jpg"
    path.write_bytes(large(turns, orientation))
    photo = read_photo(path, 60)
    assert photo.size == (4000, 3000)
    detect = still_detector(request, detector, 60)
    [face] = [photo.to_original(face) for face in detect(photo.gray, photo.scale)]
    assert (face.x, face.y, face.width) == pytest.approx([value * 6.25 for value in SCENE_BOX], abs=90)


@pytest.mark.parametrize(("min_face", "count"), [(60, 1), (800, 1), (1300, 0)])
@pytest.mark.parametrize("detector", ["haar", "yunet"])
def test_min_face_is_in_pixels_of_the_original(
    tmp_path: Path, request: pytest.FixtureRequest, detector: str, min_face: int, count: int
) -> None:
    """A face of about 1,000 px is detected where min_face is less, not up to a third of that in the shrunk copy."""
    path = tmp_path / "large.jpg"
    picture = cv2.resize(scene(), (3600, 2700), interpolation=cv2.INTER_CUBIC)
    cv2.imwrite(str(path), picture)
    photo = read_photo(path, min_face)
    detect = still_detector(request, detector, min_face)
    assert len(detect(photo.gray, photo.scale)) == count


@pytest.mark.parametrize("detector", ["haar", "yunet"])
def test_a_small_face_in_a_large_photo_is_detected(
    tmp_path: Path, request: pytest.FixtureRequest, detector: str
) -> None:
    """One of 77 px in 12 megapixels, where min_face is 60: the photo is shrunk no further than such a face allows."""
    picture = np.tile(np.linspace(10, 245, 4000).astype(np.uint8), (3000, 1))
    picture[1000:1210, 2000:2280] = cv2.resize(scene(), (280, 210), interpolation=cv2.INTER_AREA)
    path = tmp_path / "crowd.png"
    Image.fromarray(picture).save(path)
    photo = read_photo(path, 60)
    detect = still_detector(request, detector, 60)
    [face] = [photo.to_original(face) for face in detect(photo.gray, photo.scale)]
    assert (face.x, face.y, face.width) == pytest.approx((2087, 1071, 77), abs=12)


def test_a_large_photo_for_one_size_of_face_is_shrunk(tmp_path: Path) -> None:
    """Without min_face, and with one that allows it, to 1280 pixels a side, which saves memory and time."""
    path = tmp_path / "large.jpg"
    path.write_bytes(large())
    assert read_photo(path).gray.shape == read_photo(path, 100).gray.shape == (960, 1280)
    assert max(read_photo(path, 60).gray.shape) == 1600


def picture(format_name: str, mode: str = "L", **options: object) -> bytes:
    """The scene in one of Pillow's formats and modes."""
    file = io.BytesIO()
    Image.fromarray(scene()).convert(mode).save(file, format_name, **options)
    return file.getvalue()


def deep(format_name: str) -> bytes:
    """The scene with 16 bits a pixel."""
    file = io.BytesIO()
    Image.fromarray(scene().astype(np.uint16) * 257).save(file, format_name)
    return file.getvalue()


def palette_with_alpha() -> bytes:
    """A PNG whose palette has a byte of transparency for each colour, of which Pillow warns."""
    return picture("PNG", "P", transparency=bytes(range(256)))


def animation(format_name: str) -> bytes:
    """Three pictures, of which the first is the scene."""
    file = io.BytesIO()
    others = [Image.fromarray(np.full((480, 640), level, np.uint8)) for level in (0, 255)]
    Image.fromarray(scene()).save(file, format_name, save_all=True, append_images=others)
    return file.getvalue()


def damaged_exif() -> bytes:
    """A JPEG whose EXIF data is noise."""
    return picture("JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + bytes(range(40)))


KINDS = {
    "phone.jfif": picture("JPEG"),
    "a.png": picture("JPEG"),
    "b.jpg": picture("PNG", "RGBA"),
    "no-suffix": picture("WEBP", "RGB"),
    "c.txt": picture("TIFF"),
    "d.mp4": picture("BMP"),
    "f.JPG": picture("MPO", "RGB"),
    "g.gif": picture("GIF"),
    "h.jpeg": picture("JPEG", "CMYK"),
    "i.png": deep("PNG"),
    "j.tif": deep("TIFF"),
    "k.jp2": picture("JPEG2000"),
    "l.png": palette_with_alpha(),
    "m.webp": animation("WEBP"),
    "n.jpg": damaged_exif(),
    "o.mpo": animation("MPO"),
    "p.ppm": picture("PPM", "RGB"),
}


if find_spec("PIL._avif"):  # Pillow has it from 11.3 on
    KINDS["e.avif"] = picture("AVIF", "RGB")


@pytest.mark.parametrize("name", KINDS)
def test_a_photo_is_recognized_by_its_content(tmp_path: Path, name: str) -> None:
    """Whatever its suffix: each is a photo, and shows the scene."""
    path = tmp_path / name
    path.write_bytes(KINDS[name])
    assert is_photo(path)
    difference = np.abs(read_photo(path).gray.astype(int) - scene())
    assert difference.mean() < 5


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"A list of songs\n",
        bytes(1000),
        b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(100),
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n",
        b"\0\0\1\xb3" + bytes(100),
        picture("JPEG") * 3,
        animation("GIF"),
    ],
    ids=["empty", "text", "zeros", "mp4", "eps", "mpeg", "mjpeg", "animated"],
)
def test_other_content_is_not_a_photo(tmp_path: Path, content: bytes) -> None:
    """A text, a video or an animation, whatever its suffix."""
    path = tmp_path / "file.jpg"
    path.write_bytes(content)
    assert not is_photo(path)


def test_an_animation_is_read_by_its_first_picture(tmp_path: Path) -> None:
    """As by any program that shows it as a photo."""
    path = tmp_path / "wave.gif"
    path.write_bytes(animation("GIF"))
    assert np.abs(read_photo(path).gray.astype(int) - scene()).mean() < 5


def test_no_warning_of_a_library_reaches_the_user(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Neither of Pillow, by warnings or by its log, nor of the C libraries below it: cut files are one sentence."""
    tiffs = {
        f"{code}.tif": picture("TIFF", compression=code) for code in ("jpeg", "tiff_lzw", "tiff_deflate", "packbits")
    }
    for name, content in {**KINDS, **tiffs}.items():
        path = tmp_path / name
        cut = content[: len(content) * 2 // 3]
        path.write_bytes(content.replace(content[1000:1400], bytes(400)) if name in tiffs else cut)
        try:
            read_photo(path)
        except InputError as error:
            assert "damaged" in str(error)  # noqa: PT017  # some formats can still be read
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""


HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100)


def test_a_heic_photo_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where pillow-heif is not installed, with what to do; it is a photo, not a video that cannot be read."""
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    path = tmp_path / "IMG_0001.jpg"
    path.write_bytes(HEIC)
    assert is_photo(path)
    with pytest.raises(InputError, match=r"is a HEIC photo.*pip install pillow-heif"):
        read_photo(path)


def test_a_heic_photo_is_read_where_pillow_heif_is_installed(tmp_path: Path) -> None:
    """Whatever its suffix."""
    pillow_heif = pytest.importorskip("pillow_heif")
    pillow_heif.register_heif_opener()
    path = tmp_path / "IMG_0001.jpg"
    path.write_bytes(picture("HEIF", "RGB"))
    assert is_photo(path)
    assert np.abs(read_photo(path).gray.astype(int) - scene()).mean() < 5
    path.write_bytes(HEIC)
    with pytest.raises(InputError, match="damaged"):
        read_photo(path)


def test_an_avif_photo_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Pillow is too old for it."""
    monkeypatch.setitem(sys.modules, "PIL._avif", None)
    path = tmp_path / "photo.avif"
    path.write_bytes(b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf" + bytes(100))
    assert is_photo(path)
    with pytest.raises(InputError, match="AVIF"):
        read_photo(path)
