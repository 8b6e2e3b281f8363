"""Zooming by cropping, for a camera that cannot read a part of its sensor: the middle of each picture, not copied."""

from __future__ import annotations

from collections.abc import Iterator

from mien.events import Frame
from mien.vision.camera.base import Camera, CameraKind


def center(size: tuple[int, int], zoom: float) -> tuple[slice, slice]:
    """Return the rows and columns of the middle of a picture.

    size: its width and height in pixels. zoom: 1 or more; both sides are divided by it.
    """
    columns, rows = (_middle(side, zoom) for side in size)
    return rows, columns


def center_rectangle(area: tuple[int, int, int, int], size: tuple[int, int], zoom: float) -> tuple[int, int, int, int]:
    """Return the middle of an area, in the shape of a picture: left, top, width and height, as is the area.

    size: the picture's width and height in pixels; with a zoom of 1, the largest such rectangle is returned.
    """
    left, top, width, height = area
    scale = min(width / size[0], height / size[1])
    shape = round(size[0] * scale / zoom), round(size[1] * scale / zoom)
    return left + (width - shape[0]) // 2, top + (height - shape[1]) // 2, *shape


def _middle(side: int, zoom: float) -> slice:
    length = round(side / zoom)
    start = (side - length) // 2
    return slice(start, start + length)


class ZoomedCamera:
    """The middle of another camera's pictures."""

    def __init__(self, camera: Camera, zoom: float) -> None:
        """zoom: 1 or more; the pictures' width and height are divided by it."""
        self._camera, self._zoom = camera, zoom
        self.kind: CameraKind = camera.kind

    def frames(self) -> Iterator[Frame]:
        """Yield the camera's frames, each a view of its middle. Raises what the camera raises."""
        for frame in self._camera.frames():
            height, width = frame.gray.shape
            yield Frame(frame.gray[center((width, height), self._zoom)], frame.at)

    def set_frame_interval(self, interval: float) -> None:
        """Set the camera's interval."""
        self._camera.set_frame_interval(interval)

    def close(self) -> None:
        """Close the camera."""
        self._camera.close()
