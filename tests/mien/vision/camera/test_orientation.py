"""Frames of a camera that is mounted on its side or upside down."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from mien.config import CameraConfig, Rotation
from mien.events import Frame
from mien.vision.camera.base import CameraKind
from mien.vision.camera.demo import STAY, DemoCamera
from mien.vision.camera.open import open_camera
from mien.vision.camera.orientation import OrientedCamera, open_oriented
from tests.conftest import Outcome
from tests.fakes.cameras import FakeCamera, noisy_picture

ROTATIONS: tuple[Rotation, ...] = (0, 90, 180, 270)
ORIENTATIONS = [choice for choice in product(ROTATIONS, (False, True)) if choice != (0, False)]


class PictureCamera(FakeCamera):
    """A replay of the given pictures, ten a second."""

    kind: CameraKind = "replay"

    def __init__(self, *pictures: NDArray[np.uint8]) -> None:
        super().__init__()
        self._pictures = pictures
        self.interval = 0.0

    def frames(self) -> Iterator[Frame]:
        for index, picture in enumerate(self._pictures):
            yield Frame(picture, index / 10)

    def set_frame_interval(self, interval: float) -> None:
        self.interval = interval


@pytest.mark.parametrize(("rotation", "mirror"), ORIENTATIONS)
@pytest.mark.parametrize("padding", [0, 64])
def test_frames_are_rotated_clockwise_then_mirrored(rotation: Rotation, mirror: bool, padding: int) -> None:
    """As numpy does it, also of a view into rows with padding; grey, contiguous, at the camera's own times."""
    pictures = [noisy_picture()[:, : 320 - padding] for _ in range(3)]
    camera = OrientedCamera(PictureCamera(*pictures), rotation, mirror=mirror)
    times = []
    for frame, picture in zip(camera.frames(), pictures, strict=True):
        expected = np.rot90(picture, -rotation // 90)
        np.testing.assert_array_equal(frame.gray, expected[:, ::-1] if mirror else expected)
        assert frame.gray.dtype == np.uint8
        assert frame.gray.flags.c_contiguous
        times.append(frame.at)
    assert times == [0.0, 0.1, 0.2]


@pytest.mark.parametrize(("rotation", "mirror"), ORIENTATIONS)
def test_one_buffer_serves_all_frames(rotation: Rotation, mirror: bool) -> None:
    """Another is allocated where the shape changes, as from photo to photo. The camera's own frames are unchanged."""
    small = noisy_picture()[:100]
    pictures = [noisy_picture(), noisy_picture(), small, small]
    copies = [picture.copy() for picture in pictures]
    frames = [frame.gray for frame in OrientedCamera(PictureCamera(*pictures), rotation, mirror=mirror).frames()]
    assert np.shares_memory(frames[0], frames[1])
    assert np.shares_memory(frames[2], frames[3])
    assert not np.shares_memory(frames[1], frames[2])
    for picture, copy in zip(pictures, copies, strict=True):
        np.testing.assert_array_equal(picture, copy)


def test_an_upright_camera_is_left_alone() -> None:
    """By default there is no wrapper, and so no copy."""
    camera, config = FakeCamera(), CameraConfig()
    assert open_oriented(lambda: camera, config.rotation, mirror=config.mirror) is camera


def test_all_else_is_the_cameras_own() -> None:
    """Its kind, its pace, and its end."""
    camera = PictureCamera()
    oriented = open_oriented(lambda: camera, 90, mirror=False)
    oriented.set_frame_interval(0.5)
    oriented.close()
    assert (oriented.kind, camera.interval, camera.closed.is_set()) == ("replay", 0.5, True)


def test_no_reference_to_a_frame_is_kept() -> None:
    """A camera whose buffers are mapped cannot give them back while one is referenced."""
    picture = np.zeros((40, 50), np.uint8)
    references = []

    class MappedCamera(FakeCamera):
        def frames(self) -> Iterator[Frame]:
            yield Frame(picture[:], 0.0)
            references.append(sys.getrefcount(picture))

    before = sys.getrefcount(picture)
    list(OrientedCamera(MappedCamera(), 90, mirror=False).frames())
    assert references == [before]


@pytest.mark.parametrize("picture", [np.zeros((40, 50, 3), np.uint8), np.zeros((40, 50), np.uint16)])
def test_a_wrong_frame_stays_wrong(picture: NDArray[np.uint8]) -> None:
    """A driver's frame that is not grey reaches the check that refuses it, instead of being made to look right."""
    [frame] = OrientedCamera(PictureCamera(picture), 90, mirror=True).frames()
    assert (frame.gray.ndim, frame.gray.dtype) == (picture.ndim, picture.dtype)


def test_photos_are_rotated_too(photo: Path) -> None:
    """Every kind of camera is: here a photo."""
    frame = next(open_oriented(lambda: open_camera(CameraConfig(source=str(photo))), 270, mirror=False).frames())
    assert frame.gray.shape == (640, 480)


def write_scene(path: Path, rotation: int | None) -> None:
    """Write the demo's first four expressions, five frames a second, rotated by one of cv2.rotate's codes."""
    camera = DemoCamera()
    size = (640, 480) if rotation in (None, cv2.ROTATE_180) else (480, 640)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 5, size, isColor=False)
    for index in range(round(4 * STAY * 5)):
        picture = camera.draw(index / 5)
        writer.write(picture if rotation is None else cv2.rotate(picture, rotation))
    writer.release()


def test_a_rotated_video_has_the_upright_ones_moods(mien: Callable[..., Outcome], tmp_path: Path) -> None:
    """With the counter-rotation; without it, the faces that lie on their side are not recognized."""

    def moods(rotation: int | None, config: str) -> list[tuple[str, float]]:
        path, file = tmp_path / "scene.avi", tmp_path / "mien.toml"
        write_scene(path, rotation)
        file.write_text(f"[camera]\n{config}\n", encoding="utf-8")
        outcome = mien("run", "--camera", path, "--config", file, "--json")
        assert outcome.code == 0, outcome.err
        events = [json.loads(line) for line in outcome.out.splitlines()]
        return [(event["expression"], event["at"]) for event in events if event["event"] == "mood"]

    upright = moods(None, "")
    assert {"neutral", "happy", "surprise"} <= {expression for expression, _ in upright}
    for rotation, config in (
        (cv2.ROTATE_90_CLOCKWISE, "rotation = 270"),
        (cv2.ROTATE_180, "rotation = 180"),
        (cv2.ROTATE_90_COUNTERCLOCKWISE, "rotation = 90\nmirror = true"),
    ):
        rotated = moods(rotation, config)
        assert [expression for expression, _ in rotated] == [expression for expression, _ in upright]
        assert [at for _, at in rotated] == pytest.approx([at for _, at in upright], abs=1.5)
    assert moods(cv2.ROTATE_90_CLOCKWISE, "") != upright
