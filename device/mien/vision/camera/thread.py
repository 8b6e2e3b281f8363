"""A camera whose calls can hang is kept on a thread of its own, so that who waits for it keeps a deadline."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from typing import Any

from mien.errors import InputError, MienError
from mien.events import Frame
from mien.vision.camera.base import Camera

OPENING = 20.0
"""Seconds for a camera to open: libcamera takes a few on a slow card."""

NEXT_FRAME = 15.0
"""Seconds for a frame: more than drivers themselves wait (V4L2 in OpenCV 10, ours for picamera2 5)."""

CLOSING = 5.0
"""Seconds for close(), which can hang in libcamera for good (picamera2 issue 1264)."""

_LOOK_UP = 0.1  # seconds between looks at whether to go on waiting


class LostCameraError(InputError):
    """A call of the camera's did not return. Its thread may hang for ever: only a new process can have it again."""


class CameraThread:
    """All of a camera's calls, from opening to closing, on one daemon thread; each call has a deadline.

    goes_on: asked several times a second while waiting; once it is false, waiting ends as at the end of the frames.
    Raises InputError for whatever goes wrong, and LostCameraError for an answer that comes too late or never.
    """

    def __init__(self, opener: Callable[[], Camera], should_continue: Callable[[], bool] = lambda: True) -> None:
        self._should_continue = should_continue
        self._lost = False
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        threading.Thread(target=self._work, name="camera", daemon=True).start()
        self._camera: Camera | None = None
        self._kind = "live"
        try:
            self._camera = self._ask(opener, OPENING, "does not open")
            self._kind = self.camera.kind
        finally:
            if self._camera is None:
                self._jobs.put(None)

    @property
    def camera(self) -> Camera:
        """The camera itself, for what cannot hang: its kind and pace."""
        assert self._camera is not None, "closed"
        return self._camera

    @property
    def reopens(self) -> bool:
        """Whether it is worth opening the same camera again: a replay would begin anew or fail at the same place."""
        return self._kind == "live"

    def frames(self) -> Iterator[Frame]:
        """The camera's frames, until they end or `goes_on` is false."""
        frames = self.camera.frames()
        while self._should_continue():
            frame: Frame | None = self._ask(
                lambda: next(frames, None), NEXT_FRAME, "gives no picture", self._should_continue
            )
            if frame is None:
                return
            yield frame

    def close(self) -> None:
        """Close the camera and end its thread; InputError if it will not close in time. May be called twice."""
        camera, self._camera = self._camera, None
        if camera is not None:
            if not self._lost:
                self._ask(camera.close, CLOSING, "does not close")
            self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            work, answer = job
            try:
                answer.put(work())
            except Exception as error:
                answer.put(error)

    def _ask(
        self, work: Callable[[], Any], seconds: float, trouble: str, should_continue: Callable[[], bool] = lambda: True
    ) -> Any:
        """The work's answer, or None if `goes_on` turns false before there is one."""
        answer: SimpleQueue[Any] = SimpleQueue()
        self._jobs.put((work, answer))
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(Empty):
                return _unwrap(answer.get(timeout=_LOOK_UP))
            if not should_continue():
                return None
        self._lost = True
        raise LostCameraError(f"The camera {trouble} within {seconds:.0f} s: check its cable, then start mien again.")


_Job = tuple[Callable[[], Any], "SimpleQueue[Any]"]


def _unwrap(answer: Any) -> Any:
    """What the camera's thread gave, or raise what it raised."""
    if isinstance(answer, MienError):
        raise answer
    if isinstance(answer, Exception):
        kind = type(answer).__name__
        raise InputError(f"The camera fails ({kind}: {str(answer)[:200]}): check its cable and driver.") from answer
    return answer
