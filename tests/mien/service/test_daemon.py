"""The daemon: what it does with faults of the camera, and with commands of its outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec
import pytest

from mien.config import CameraConfig, Config
from mien.controls import Controls
from mien.errors import InputError
from mien.events import CameraEvent, Event
from mien.service import daemon
from tests.fakes.cameras import FakeCamera


@pytest.mark.parametrize(
    ("on_fault", "published", "retried"),
    [("auto", False, False), ("auto", True, True), ("exit", True, False), ("retry", False, True)],
)
def test_on_fault_is_obeyed(on_fault: Literal["auto", "exit", "retry"], published: bool, retried: bool) -> None:
    """auto retries only where some output publishes the fault."""
    config = msgspec.structs.replace(Config(), camera=CameraConfig(source="/dev/video99", on_fault=on_fault))
    controls = Controls(config.vision, config.mood)

    class Stopper:
        def handle(self, event: Event) -> None:
            assert isinstance(event, CameraEvent)
            controls.stop()

        def alive(self) -> bool:
            return True

    if retried:
        assert daemon.run_pipeline(config, [Stopper()], controls, faults_published=published) == "stop"
    else:
        with pytest.raises(InputError, match="plug the camera in"):
            daemon.run_pipeline(config, [], controls, faults_published=published)


@pytest.mark.parametrize("how", ["stop", "restart"])
def test_an_output_may_stop_or_restart_the_daemon(photo: Path, how: Literal["stop", "restart"]) -> None:
    """The command is returned to the caller, after a clean end."""
    config = msgspec.structs.replace(Config(), camera=CameraConfig(source=str(photo)))
    controls, events = Controls(config.vision, config.mood), []

    class Commander:
        def handle(self, event: Event) -> None:
            events.append(event)
            controls.stop(how)

        def alive(self) -> bool:
            return True

    assert daemon.run_pipeline(config, [Commander()], controls) == how
    assert [event.state for event in events if isinstance(event, CameraEvent)] == ["open", "ended"]
    assert controls.diagnostics.frames <= 1


def test_the_camera_is_never_read_faster_than_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    """max_fps bounds each interval that a camera is set to, whatever the profile, also through a rotation."""
    intervals = []

    class PacedCamera(FakeCamera):
        def set_frame_interval(self, interval: float) -> None:
            intervals.append(interval)

    monkeypatch.setattr(daemon, "open_camera", lambda _: PacedCamera())
    for max_fps, rotation in ((2.0, 0), (2.0, 90), (15.0, 0)):
        camera = msgspec.convert({"max_fps": max_fps, "rotation": rotation}, CameraConfig)
        config = msgspec.structs.replace(Config(), camera=camera)
        daemon.run_pipeline(config, [], Controls(config.vision, config.mood))
    assert len(intervals) == 15
    assert min(intervals[:10]) == 0.5 > min(intervals[10:])
