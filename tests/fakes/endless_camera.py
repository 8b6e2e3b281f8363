"""`mien` with a camera that repeats the demo's scene, and fails while the file $MIEN_TEST_FAULT exists.

The file $MIEN_TEST_OPEN exists while the camera is open. With $MIEN_TEST_MUSIC there is music, which plays nothing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from mien import cli
from mien.errors import InputError
from mien.events import Event, Frame
from mien.service import daemon
from mien.service.music_controller import MusicController
from mien.vision.camera.demo import LENGTH, DemoCamera

if TYPE_CHECKING:
    from mien.service.music_output import MusicOutput

FAULT, OPEN = Path(os.environ["MIEN_TEST_FAULT"]), Path(os.environ["MIEN_TEST_OPEN"])


class EndlessCamera:
    """Behaves as a live camera."""

    kind: Literal["live"] = "live"

    def __init__(self, _config: object) -> None:
        self._check()
        OPEN.touch()

    def frames(self) -> Iterator[Frame]:
        turn = 0
        while True:
            for frame in DemoCamera().frames():
                self._check()
                yield Frame(frame.gray, frame.at + turn * LENGTH)
            turn += 1

    def set_frame_interval(self, interval: float) -> None:
        """Do nothing: it delivers ten frames a second."""

    def close(self) -> None:
        OPEN.unlink(missing_ok=True)

    def _check(self) -> None:
        if FAULT.exists():
            raise InputError("The camera gives no pictures: check its cable.")


@dataclass
class NothingPlaying:
    title: str = "A song"
    artist: str = "Somebody"
    why: str = "Because it is a test."
    sentence: str = "All is well."


@dataclass
class SilentMusicOutput:
    now: NothingPlaying = field(default_factory=NothingPlaying)

    def handle(self, event: Event) -> None:
        """Nothing is played."""

    def alive(self) -> bool:
        return True

    def set_enabled(self, enabled: bool) -> None:
        """Nothing is played."""

    def set_intent(self, intent: str) -> None:
        """Nothing is played."""

    def skip(self) -> None:
        self.now = NothingPlaying("The next song")


if __name__ == "__main__":
    vars(daemon)["open_camera"] = EndlessCamera
    if "MIEN_TEST_MUSIC" in os.environ:
        controller = MusicController(cast("MusicOutput", SilentMusicOutput()), on=True, intent="match")
        vars(daemon)["_open_music"] = lambda _config: nullcontext(controller)
    sys.exit(cli.main())
