"""A recording that is repeated without end, for soak tests and shop windows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from mien.errors import InputError
from mien.events import Frame
from mien.vision.camera.base import Camera, CameraKind

_LONGEST_WAIT = 2.0  # seconds: a gap in a recording must neither pass for a lost camera nor delay the end
_USUAL_INTERVAL = 0.04  # seconds from the last frame of a recording with one frame to the next


def open_looping(opener: Callable[[], Camera]) -> Camera:
    """Open a camera, and repeat it where it is a replay; a live camera has no end."""
    camera = opener()
    return camera if camera.kind == "live" else LoopingCamera(camera, opener)


class LoopingCamera:
    """Plays a replay again and again, at its own pace, on one clock that goes on.

    At its own pace, because a recording without end that is played as fast as possible would take all of a core, and
    its moods would change faster than outputs can follow.
    """

    def __init__(
        self,
        camera: Camera,
        opener: Callable[[], Camera],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """camera: plays the first turn. opener: opens each other turn. clock, sleep: return and wait for seconds."""
        self._camera, self._opener, self._clock, self._sleep = camera, opener, clock, sleep
        self.kind: CameraKind = camera.kind

    def frames(self) -> Iterator[Frame]:
        """Yield the recording's frames, when they are due. Raises InputError when it cannot be read."""
        start, interval = 0.0, _USUAL_INTERVAL
        began = self._clock()
        while True:
            at = None
            for frame in self._camera.frames():
                if at is not None and start + frame.at > at:
                    interval = start + frame.at - at
                at = start + frame.at
                wait = at - (self._clock() - began)
                if wait > _LONGEST_WAIT:
                    began -= wait - _LONGEST_WAIT  # the frames after the gap are due sooner by as much
                    wait = _LONGEST_WAIT
                if wait > 0:
                    self._sleep(wait)
                yield Frame(frame.gray, at)
            if at is None:
                raise InputError("The recording has no frames to repeat: use another.")
            start = at + interval
            self._camera.close()
            self._camera = self._opener()

    def set_frame_interval(self, interval: float) -> None:
        """Do nothing: a replay keeps its own interval."""

    def close(self) -> None:
        """Close the recording."""
        self._camera.close()
