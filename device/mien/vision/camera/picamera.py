"""The Pi's own camera. The only importer of picamera2, which comes from apt on a Pi and from nowhere else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from mien.errors import InputError
from mien.events import Frame
from mien.vision.camera.base import CameraKind

SIZE = (640, 480)
"""Width and height that are asked for; what the camera then says it gives is what counts."""

_SLOWEST = 1.0  # seconds a frame that sensors are asked for at most
_FASTEST = 1 / 15  # enough for moods, and cool
_TIMEOUT = 5.0  # seconds without a frame before the camera counts as failed


class PiCamera:
    """One small YUV420 stream, of which only the Y plane, the grey picture, is read.

    Rows of the buffer are padded to its stride; the frame is a view that leaves the padding out, so nothing is copied.
    """

    kind: CameraKind = "live"

    def __init__(self) -> None:
        try:
            from picamera2 import Picamera2
        except ImportError:
            raise InputError(
                "picamera2 is not installed: run 'sudo apt install python3-picamera2' and make mien's environment "
                "with --system-site-packages, or choose another camera with --camera."
            ) from None
        self._interval = self._asked = _FASTEST
        self._closed = False
        try:
            self._camera: Any = Picamera2()
            self._camera.configure(
                self._camera.create_video_configuration(
                    main={"size": SIZE, "format": "YUV420"}, controls=_duration(self._interval)
                )
            )
            given = self._camera.camera_configuration()["main"]
            self._size, self._stride = tuple(given["size"]), int(given["stride"])
            self._camera.start()
        except (IndexError, KeyError, RuntimeError) as error:
            raise InputError(
                f"The Pi's camera does not start ({error}): check its cable, then run rpicam-hello."
            ) from None

    def frames(self) -> Iterator[Frame]:
        """Frames until the camera fails; each buffer goes back to the camera before the next is taken."""
        from picamera2 import MappedArray

        while True:
            if self._interval != self._asked:  # the sensor itself slows down: nothing is made to be thrown away
                self._asked = self._interval
                self._camera.set_controls(_duration(self._asked))
            request = self._next_request()
            try:
                with MappedArray(request, "main", reshape=False) as mapped:
                    yield Frame(y_plane(mapped.array, self._size, self._stride), at=time.monotonic())
            finally:
                request.release()

    def _next_request(self) -> Any:
        try:
            return self._camera.capture_request(wait=_TIMEOUT)
        except TimeoutError:
            self._camera.cancel_all_and_flush()
            raise InputError(f"The Pi's camera gave no picture for {_TIMEOUT:.0f} s: check its cable.") from None

    def pace(self, interval: float) -> None:
        """Taken up before the next frame. Changes under a tenth are not worth telling the sensor."""
        interval = min(max(interval, _FASTEST), _SLOWEST)
        if abs(interval - self._interval) > 0.1 * self._interval:
            self._interval = interval

    def close(self) -> None:
        """Stop the camera and give it back."""
        if not self._closed:
            self._closed = True
            self._camera.close()


def y_plane(
    buffer: np.ndarray[Any, Any], size: tuple[int, int], stride: int
) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    """The grey picture in a YUV420 buffer: a view, uint8 (height, width), of its first rows less their padding.

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


def _duration(interval: float) -> dict[str, tuple[int, int]]:
    microseconds = round(interval * 1e6)
    return {"FrameDurationLimits": (microseconds, microseconds)}
