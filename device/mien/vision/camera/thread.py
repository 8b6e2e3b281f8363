"""A camera on a thread of its own, because its calls can hang: the caller's wait has a deadline."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from typing import Any

from mien.errors import InputError, MienError
from mien.events import Frame
from mien.vision.camera.base import Camera, LostCameraError

OPEN_TIMEOUT = 20.0
"""Seconds for a camera to open: libcamera takes a few on a slow card."""

FRAME_TIMEOUT = 15.0
"""Seconds for a frame: more than drivers themselves wait (V4L2 in OpenCV 10, ours for picamera2 5)."""

CLOSE_TIMEOUT = 5.0
"""Seconds for close(), which can hang in libcamera for good (picamera2 issue 1264)."""

_POLL = 0.1  # seconds between two checks of whether to go on waiting


class CameraThread:
    """All of a camera's calls, from opening to closing, on one daemon thread; each call has a deadline.

    Raises InputError for every failure of the camera, and LostCameraError for a call that does not return in time.
    """

    def __init__(self, opener: Callable[[], Camera], should_continue: Callable[[], bool] = lambda: True) -> None:
        """Open the camera.

        should_continue: called several times a second while waiting for a frame; once it returns False, the wait ends
        as at the end of the frames.
        """
        self._should_continue = should_continue
        self._lost = False
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        threading.Thread(target=self._run_calls, name="camera", daemon=True).start()
        self._camera: Camera | None = None
        self._kind = "live"
        try:
            self._camera = self._call(opener, OPEN_TIMEOUT, "does not open")
            self._kind = self.camera.kind
        finally:
            if self._camera is None:
                self._calls.put(None)

    @property
    def camera(self) -> Camera:
        """The camera itself, for what cannot hang: its kind and its frame interval."""
        assert self._camera is not None, "closed"
        return self._camera

    @property
    def can_reopen(self) -> bool:
        """Whether opening the same camera again may help: a replay would start over or fail at the same place."""
        return self._kind == "live"

    def frames(self) -> Iterator[Frame]:
        """Yield the camera's frames, until they end or `should_continue` returns False."""
        frames = self.camera.frames()
        while self._should_continue():
            frame: Frame | None = self._call(
                lambda: next(frames, None), FRAME_TIMEOUT, "delivers no picture", self._should_continue
            )
            if frame is None:
                return
            yield frame

    def close(self) -> None:
        """Close the camera and end its thread; may be called twice. Raises LostCameraError if it does not close."""
        camera, self._camera = self._camera, None
        if camera is None:
            return
        try:
            if not self._lost:
                self._call(camera.close, CLOSE_TIMEOUT, "does not close")
        except LostCameraError:
            raise
        except InputError as error:
            raise LostCameraError(f"The camera does not close: start mien again. {error}") from error
        finally:
            self._calls.put(None)

    def _run_calls(self) -> None:
        """Run the queued calls one after the other, on the camera's thread."""
        while (call := self._calls.get()) is not None:
            function, results = call
            try:
                results.put(function())
            except Exception as error:
                results.put(error)

    def _call(
        self,
        function: Callable[[], Any],
        timeout: float,
        failure: str,
        should_continue: Callable[[], bool] = lambda: True,
    ) -> Any:
        """Return the function's result, or None if `should_continue` returns False before there is one."""
        results: SimpleQueue[Any] = SimpleQueue()
        self._calls.put((function, results))
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            with contextlib.suppress(Empty):
                return _unwrap(results.get(timeout=_POLL))
            if not should_continue():
                return None
        self._lost = True
        raise LostCameraError(f"The camera {failure} within {timeout:.0f} s: check its cable, then start mien again.")


_Call = tuple[Callable[[], Any], "SimpleQueue[Any]"]
"""A function, and the queue that its result or its exception is put in."""


def _unwrap(result: Any) -> Any:
    """Return a call's result, or raise its exception, as an InputError unless it is one of ours."""
    if isinstance(result, MienError):
        raise result
    if isinstance(result, Exception):
        kind = type(result).__name__
        raise InputError(f"The camera fails ({kind}: {str(result)[:200]}): check its cable and driver.") from result
    return result
