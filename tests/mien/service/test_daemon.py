"""The daemon: what it does with faults of the camera, and with commands of its outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec
import pytest

from mien.calibration import HouseholdCalibration
from mien.config import CameraConfig, Config
from mien.controls import Controls
from mien.errors import InputError
from mien.events import CameraEvent, Event
from mien.service import daemon
from mien.service.people import PeopleStore, StoredExpression, StoredPerson
from mien.vision.recognizer import ExpressionRecognizer, open_classifier
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


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PeopleStore:
    """The file of what was learned, in a state directory of the test's own."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    return PeopleStore(tmp_path)


def calibration_in_use(photo: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    """Run the daemon over a photo, and return the calibration that it classified with."""
    recognizer = ExpressionRecognizer.open(Config().vision, Config().model)
    monkeypatch.setattr(ExpressionRecognizer, "open", lambda *_: recognizer)
    config = msgspec.structs.replace(Config(), camera=CameraConfig(source=str(photo)))
    controls = Controls(config.vision, config.mood)
    daemon.run_pipeline(config, [], controls, max_frames=2)
    assert controls.diagnostics.frames == 2
    return recognizer.classifier.calibration


def test_what_was_learned_is_used(store: PeopleStore, photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each person who was learned with this network counts."""
    assert calibration_in_use(photo, monkeypatch) is None
    contract = open_classifier(Config().model).contract
    neutral = StoredExpression(mean=contract.class_means[0], spread=0.5, count=5, learned="2026-11-26")
    person = StoredPerson(network=contract.network_sha256, strength=1.0, expressions={"neutral": neutral})
    store.put("Ann", person)
    store.put("Bob", msgspec.structs.replace(person, network="0" * 64))
    calibration = calibration_in_use(photo, monkeypatch)
    assert isinstance(calibration, HouseholdCalibration)
    assert list(calibration.people) == ["Ann"]


def test_the_daemon_goes_on_without_a_damaged_file(
    store: PeopleStore, photo: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One line of the log names it."""
    store.path.write_bytes(b"\xff\x00")
    assert calibration_in_use(photo, monkeypatch) is None
    assert len([record for record in caplog.records if "people.json" in record.getMessage()]) == 1
