"""Probes in processes of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from mien.config import CameraConfig, Config, VisionConfig
from mien.doctor.probes.child import describe_end, run_child
from mien.doctor.system import Completed, System

CONFIG = Config(camera=CameraConfig(source="demo"), vision=VisionConfig(detector="haar"))


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A state directory of this test."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))


@pytest.mark.parametrize(("probe", "key"), [("camera", "fps"), ("vision", "recipe")])
def test_a_probe_in_a_process(probe: str, key: str) -> None:
    """Its last line is all that it found out, and it ends well."""
    facts, done = run_child(System(), probe, CONFIG, 60)
    assert facts["step"] == "done", done
    assert key in {*facts, "fps"}
    assert describe_end(done) == ""


def test_a_camera_that_hangs_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the deadline, with the step at which it hung; the same with one that crashes."""
    (tmp_path / "picamera2.py").write_text("import time; time.sleep(60)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    facts, done = run_child(System(), "camera", Config(), 5)
    assert (facts.get("step"), describe_end(done)) == ("open", "did not end in time")
    (tmp_path / "picamera2.py").write_text("import os; os.kill(os.getpid(), 11)")
    facts, done = run_child(System(), "camera", Config(), 60)
    assert (facts["step"], describe_end(done)) == ("open", "crashed (SIGSEGV)")


def test_a_library_that_hangs_on_a_locked_gil(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The facts so far are kept, even where nothing in the process runs any more."""
    (tmp_path / "cv2.py").write_text("import os, signal; print('half a line', end=''); os.kill(os.getpid(), 19)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    facts, done = run_child(System(), "libraries", Config(), 5)
    assert "numpy" in facts
    assert "opencv" not in facts
    assert describe_end(done) == "did not end in time"


@pytest.mark.parametrize(
    ("done", "text"),
    [
        (Completed(0), ""),
        (Completed(1, "", "Traceback\n\nImportError: no\n"), "failed (ImportError: no)"),
        (Completed(3), "failed (exit code 3)"),
        (Completed(-4), "crashed (SIGILL)"),
        (Completed(-200), "crashed (signal 200)"),
    ],
)
def test_every_end_is_described(done: Completed, text: str) -> None:
    """To follow the name of what was tried."""
    assert describe_end(done) == text


def test_no_secret_is_passed_on() -> None:
    """A probe gets no section that could hold one, and none on its command line."""

    class Recording(System):
        def run(self, *command: str, timeout: float = 3.0, stdin: bytes = b"") -> Completed:
            del timeout
            self.seen = " ".join(command) + stdin.decode()
            return Completed(0)

    system = Recording()
    run_child(system, "camera", Config(), 1)
    assert "mqtt" not in system.seen
    assert "spotify" not in system.seen
