"""The Pi's own camera. The only module that imports picamera2, which a Pi installs with apt."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from mien.errors import InputError
from mien.events import Frame
from mien.vision.camera.base import CameraKind

SIZE = (640, 480)
"""Width and height that are requested, in pixels. The camera may choose others, which then apply."""

_LONGEST_INTERVAL = 1.0  # seconds between frames that is requested at most
_SHORTEST_INTERVAL = 1 / 15  # enough for moods, and keeps the Pi cool
_TIMEOUT = 5.0  # seconds without a frame before the camera counts as failed


class PiCamera:
    """The camera through picamera2: one small YUV420 stream, of which only the Y plane, the grey picture, is read.

    Rows of the buffer are padded to its stride; a frame is a view that leaves the padding out, so nothing is copied.
    """

    kind: CameraKind = "live"

    def __init__(self) -> None:
        try:
            from picamera2 import MappedArray, Picamera2
        except ImportError:
            raise InputError(
                "picamera2 is not installed: run 'sudo apt install python3-picamera2' and make mien's environment "
                "with --system-site-packages, or choose another camera with --camera."
            ) from None
        self._interval = self._requested_interval = _SHORTEST_INTERVAL
        self._closed = False
        self._map_array: Any = MappedArray
        try:
            self._camera: Any = Picamera2()
            self._camera.configure(
                self._camera.create_video_configuration(
                    main={"size": SIZE, "format": "YUV420"}, controls=_frame_duration(self._interval)
                )
            )
            stream = self._camera.camera_configuration()["main"]
            self._size, self._stride = tuple(stream["size"]), int(stream["stride"])
            self._camera.start()
        except (IndexError, KeyError, RuntimeError) as error:
            raise InputError(
                f"The Pi's camera does not start ({error}): check its cable, then run rpicam-hello."
            ) from None

    def frames(self) -> Iterator[Frame]:
        """Yield frames until the camera fails; each buffer is returned to the camera before the next is taken."""
        while True:
            if self._interval != self._requested_interval:  # the sensor itself slows down: no frame is wasted
                self._requested_interval = self._interval
                self._camera.set_controls(_frame_duration(self._requested_interval))
            request = self._capture_request()
            try:
                with self._map_array(request, "main", reshape=False) as mapped:
                    yield Frame(y_plane(mapped.array, self._size, self._stride), at=time.monotonic())
            finally:
                request.release()

    def _capture_request(self) -> Any:
        try:
            return self._camera.capture_request(wait=_TIMEOUT)
        except TimeoutError:
            self._camera.cancel_all_and_flush()
            raise InputError(f"The Pi's camera delivered no picture for {_TIMEOUT:.0f} s: check its cable.") from None

    def set_frame_interval(self, interval: float) -> None:
        """Set the interval for the next frame on, unless it changes by less than a tenth."""
        interval = min(max(interval, _SHORTEST_INTERVAL), _LONGEST_INTERVAL)
        if abs(interval - self._interval) > 0.1 * self._interval:
            self._interval = interval

    def close(self) -> None:
        """Stop the camera and release it."""
        if not self._closed:
            self._closed = True
            self._camera.close()


def y_plane(
    buffer: np.ndarray[Any, Any], size: tuple[int, int], stride: int
) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    """Return the grey picture in a YUV420 buffer: a view, uint8 (height, width), of its first rows less their padding.

    size: width and height in pixels. stride: bytes from one row to the next.
    Raises InputError when the buffer does not fit them.
    """
    width, height = size
    flat = buffer.reshape(-1).view(np.uint8)
    if stride < width or flat.size < stride * height * 3 // 2:
        raise InputError(
            f"The camera's buffer of {flat.size} bytes with rows of {stride} does not hold {width} x {height} pixels: "
            "update picamera2."
        )
    return flat[: stride * height].reshape(height, stride)[:, :width]


def _frame_duration(interval: float) -> dict[str, tuple[int, int]]:
    """Return the control that sets the seconds between frames."""
    microseconds = round(interval * 1e6)
    return {"FrameDurationLimits": (microseconds, microseconds)}
