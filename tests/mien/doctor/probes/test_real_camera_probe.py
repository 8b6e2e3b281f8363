"""The probe of the Pi's camera with the real picamera2, on libcamera's virtual camera: .ci/picamera2 runs it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from mien.config import Config, VisionConfig
from mien.doctor.checks import camera_checks
from mien.doctor.facts import CameraFacts
from mien.doctor.probes.child import describe_end, run_child
from mien.doctor.system import System
from tests.conftest import ROOT
from tests.fakes.virtual_picamera2 import reason_to_skip

pytestmark = pytest.mark.real_picamera2

REPLACED = "from tests.fakes import virtual_picamera2\nassert not virtual_picamera2.reason_to_skip()\n"


def probe(folder: Path, monkeypatch: pytest.MonkeyPatch, broken: str = "") -> CameraFacts:
    """Probe in a process in which the virtual camera is set up before anything else. broken: Python for a fault."""
    if reason := reason_to_skip():
        pytest.skip(reason)
    (folder / "sitecustomize.py").write_text(REPLACED + broken)
    monkeypatch.setenv("PYTHONPATH", f"{folder}:{ROOT}", prepend=":")
    config = Config(vision=VisionConfig(detector="haar"))
    values, done = run_child(System(), "camera", config, 30)
    facts = msgspec.convert(values, CameraFacts)
    facts.end, facts.source = describe_end(done), "picamera"
    return facts


def test_the_virtual_camera_is_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its frames arrive at the Pi's rate, with the demo's face; its process ends by itself."""
    facts = probe(tmp_path, monkeypatch)
    assert (facts.step, facts.fault, facts.end) == ("done", "", "")
    assert (facts.width, facts.height) == (640, 480)
    states = {name: check.function(facts).state for name, check in camera_checks.GROUP.checks.items()}
    assert states | {"focus": ""} == dict.fromkeys(states, "good") | {"view": "skipped", "focus": ""}  # the scene moves


NO_CAMERA = """
from picamera2 import Picamera2
Picamera2.global_camera_info = staticmethod(lambda: [])
"""

IN_USE = """
from picamera2 import Picamera2
def start(*_):
    raise RuntimeError("Failed to start camera: Device or resource busy")
Picamera2.start_ = start
"""

NO_FRAMES = """
from mien.vision.camera import picamera
from picamera2 import Picamera2
picamera._TIMEOUT = 1.0
Picamera2.process_requests = lambda *_: None
"""


@pytest.mark.parametrize(
    ("broken", "name", "text"),
    [(NO_CAMERA, "camera", "cable"), (IN_USE, "camera", "end that program"), (NO_FRAMES, "frames", "cable")],
)
def test_its_faults_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str, name: str, text: str
) -> None:
    """No camera, one that another program uses, and one that delivers nothing."""
    facts = probe(tmp_path, monkeypatch, broken)
    verdict = camera_checks.GROUP.checks[name].function(facts)
    assert verdict.state == "bad"
    assert text in verdict.cure
    assert (name == "camera") == (camera_checks.check_camera(facts).state == "bad")
