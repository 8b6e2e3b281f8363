"""The Pi's own camera. The only module that imports picamera2, which a Pi installs with apt."""

from __future__ import annotations

import atexit
import contextlib
import gc
import math
import os
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from mien.config import CameraConfig
from mien.errors import InputError
from mien.events import Frame
from mien.vision.camera.base import CameraKind, LostCameraError
from mien.vision.camera.picamera_faults import explain_import, explain_start
from mien.vision.camera.zoom import center, center_rectangle

SIZE = (640, 480)
"""Width and height that are requested, in pixels. The camera may choose others, which then apply."""

BUFFERS = 3
"""One that is processed, one that picamera2 keeps ready, one for the camera. A control applies as many frames later."""

_LONGEST_INTERVAL = 1.0  # seconds between frames that is requested at most
_SHORTEST_INTERVAL = 1 / 15  # enough for moods, and keeps the Pi cool
_TIMEOUT = 5.0  # seconds without a frame before the camera counts as failed
_AF_MANUAL = 0  # libcamera's AfModeManual
_AF_MODES = {"auto": 1, "continuous": 2}  # its AfModeAuto and AfModeContinuous
_AF_START = 0  # its AfTriggerStart
_DEFAULTS = CameraConfig()


class PiCamera:
    """The camera through picamera2: one small YUV420 stream, of which only the Y plane, the grey picture, is read.

    Rows of the buffer are padded to its stride; a frame is a view that leaves the padding out, so nothing is copied.
    Raises InputError if the camera does not start, LostCameraError if it cannot be released after that either.
    """

    kind: CameraKind = "live"

    def __init__(self, number: int = 0, config: CameraConfig = _DEFAULTS) -> None:
        """Open and start a camera.

        number: of the camera, from 0, in the order of rpicam-hello --list-cameras. config: for its zoom, focus and
        exposure. `supported` names those keys of the lens and the exposure that the camera supports; `view_share` is
        the share of the sensor's width or height, whichever is less, that its mode reads, or None if it has no modes.
        """
        try:
            from picamera2 import MappedArray, Picamera2
        except Exception as error:
            raise InputError(explain_import(error)) from error
        self._interval = self._requested_interval = _SHORTEST_INTERVAL
        self._map_array: Any = MappedArray
        self._camera: Any = None
        try:
            _check_memory()
            # Made in two steps, because a constructor that fails leaves behind what only its object can release.
            self._camera = Picamera2.__new__(Picamera2)
            self._camera.__init__(number)
            atexit.unregister(self._camera.close)  # it hangs where the camera does, and the process would never end
            self._paced = "FrameDurationLimits" in self._camera.camera_controls  # USB cameras lack it
            settings = _settings(self._camera, config)
            self.supported = settings.keys()
            controls = {name: value for setting in settings.values() for name, value in setting.items()}
            self._camera.configure(_configuration(self._camera, self._interval, controls))
            stream = self._camera.camera_configuration()["main"]
            self._size, self._stride = tuple(stream["size"]), int(stream["stride"])
            self.view_share = _view_share(self._camera)
            self._view = self._zoom(config.zoom)
            self._camera.start()
            if config.focus == "auto" and "focus" in self.supported:
                self._camera.set_controls({"AfTrigger": _AF_START})
        except Exception as error:
            raise self._give_back(error, number) from error

    def _zoom(self, zoom: float) -> tuple[slice, slice]:
        """Let the configured camera read the middle of its sensor; returns the rows and columns of the picture to use.

        That is all of it, except where the camera lacks the control; then it is the picture's middle.
        """
        advertised = self._camera.camera_controls
        if zoom == 1 or "ScalerCrop" not in advertised:
            return center(self._size, zoom)
        # The control's maximum is what the mode reads, in pixels of the whole sensor.
        crop = center_rectangle(advertised["ScalerCrop"][1], self._size, zoom)
        # Where there is also one crop for each stream, picamera2 sets it, and libcamera then ignores ScalerCrop.
        self._camera.set_controls({"ScalerCrops": [crop]} if "ScalerCrops" in advertised else {"ScalerCrop": crop})
        return center(self._size, 1)

    def _give_back(self, error: Exception, number: int) -> InputError:
        """Release a camera that did not start, and return the error to raise."""
        camera, self._camera = self._camera, None
        sentence = explain_start(error, number, _count_cameras(camera))
        try:
            if camera is not None:
                _release(camera)
        except Exception:
            if getattr(camera, "is_open", False):
                return LostCameraError(f"{sentence} It does not close either: start mien again.")
        return InputError(sentence)

    def frames(self) -> Iterator[Frame]:
        """Yield frames until the camera fails; each buffer is returned to the camera before the next is taken."""
        last = -math.inf
        while True:
            self._request_interval()
            request = self._capture_request()
            try:
                at = time.monotonic()
                if not self._paced and at - last < self._interval * 0.9:
                    continue
                last = at
                with self._map_array(request, "main", reshape=False) as mapped:
                    yield Frame(y_plane(mapped.array, self._size, self._stride)[self._view], at)
            finally:
                request.release()

    def _request_interval(self) -> None:
        """Let the sensor itself slow down where it can: no frame is wasted."""
        if self._paced and self._interval != self._requested_interval:
            self._requested_interval = self._interval
            self._camera.set_controls(_frame_duration(self._requested_interval))

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
        """Stop the camera and release it with its buffers. Raises what picamera2 raises: the camera is then lost."""
        camera, self._camera = self._camera, None
        if camera is not None:
            _release(camera)


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


def _settings(camera: Any, config: CameraConfig) -> dict[str, dict[str, float]]:
    """Return the controls for the lens and the exposure by key of [camera], without keys that need a control it lacks.

    The lens is set in any case: it is manual, at a distance set once, until something else is requested.
    """
    focus: dict[str, float]
    if isinstance(config.focus, str):
        focus = {"AfMode": _AF_MODES[config.focus]}
    else:
        focus = {"AfMode": _AF_MANUAL, "LensPosition": 1 / config.focus}  # dioptres, which libcamera limits to its lens
    settings = {"focus": focus, "exposure": {"ExposureValue": config.exposure}}
    return {key: setting for key, setting in settings.items() if setting.keys() <= camera.camera_controls.keys()}


def _configuration(camera: Any, interval: float, controls: dict[str, float]) -> Any:
    """Return the configuration of a Picamera2: a small picture of all that its sensor reads, with these controls."""
    all_controls: dict[str, Any] = dict(controls)
    if "FrameDurationLimits" in camera.camera_controls:
        all_controls |= _frame_duration(interval)
    sensor = {}
    if "ColorFilterArrangement" in camera.camera_properties:  # a sensor with modes; a USB camera has none
        # For a small picture libcamera prefers a mode that reads only the middle of the sensor: 39 % of the width of
        # Camera v2, 50 % of Camera Module 3. All sensors of the Pi have one of half the size that reads all of it.
        width, height = camera.sensor_resolution
        sensor["output_size"] = (width // 2, height // 2)
    return camera.create_video_configuration(
        main={"size": SIZE, "format": "YUV420"}, raw=None, buffer_count=BUFFERS, controls=all_controls, sensor=sensor
    )


def _view_share(camera: Any) -> float | None:
    """Return the share of the sensor's width or height, whichever is less, that the mode of a camera reads."""
    advertised = camera.camera_controls
    if "ScalerCrop" not in advertised or "ColorFilterArrangement" not in camera.camera_properties:
        return None
    read, sensor = advertised["ScalerCrop"][1][2:], camera.sensor_resolution
    return min(float(part) / float(whole) for part, whole in zip(read, sensor, strict=True))


def _frame_duration(interval: float) -> dict[str, tuple[int, int]]:
    """Return the control that sets the seconds between frames."""
    microseconds = round(interval * 1e6)
    return {"FrameDurationLimits": (microseconds, microseconds)}


def _count_cameras(camera: Any) -> int:
    """Return how many cameras picamera2 lists; 0 where it does not come so far."""
    with contextlib.suppress(Exception):
        return len(camera.global_camera_info())
    return 0


def _check_memory() -> None:
    """Raise what picamera2 raises where the buffers' memory cannot be opened, before it has acquired the camera.

    Its constructor opens that memory last, and would leave the camera acquired.
    """
    with contextlib.suppress(ImportError):
        from picamera2.allocators import dmaallocator

        dmaallocator.DmaHeap().close()


def _release(camera: Any) -> None:
    """Close a Picamera2, however far it has come, with all that it leaves open. Raises what its close() raises."""
    atexit.unregister(camera.close)
    allocator = vars(camera).get("allocator")
    try:
        camera.close()
    finally:
        _close_pipe(camera)
        if allocator is not None and not camera.is_open:
            camera.allocator = allocator  # for requests that are released late; close() made one with a new descriptor
            _free_buffers(allocator)
            gc.collect()  # its two event loops leave their selectors, each with a descriptor, in circles of references


def _close_pipe(camera: Any) -> None:
    """Close the pipe to picamera2's event loop, which a camera that was never opened leaves open."""
    pipe = vars(camera).get("notifymeread")
    if pipe is not None and not pipe.closed and not camera.is_open:
        pipe.close()
        os.close(camera.notifyme_w)


def _free_buffers(allocator: Any) -> None:
    """Free the buffers of a closed camera.

    picamera2 itself frees them with some later garbage collection, and never those of which a frame is still
    referenced: a mapping cannot be closed then. Dropped instead, it ends with the last such frame.
    """
    with contextlib.suppress(AttributeError):  # another version's allocator
        allocator.mapped_buffers.clear()
        allocator.mapped_buffers_used.clear()
        allocator.close()
        allocator.dmaHeap = None  # closed; a second close() would close a descriptor that is no longer its own
