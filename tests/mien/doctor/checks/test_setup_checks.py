"""The verdicts on versions, configuration, state directory and libraries."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mien import __version__
from mien.config import Config
from mien.doctor.checks import setup_checks as checks
from mien.doctor.facts import SetupFacts
from mien.doctor.subject import Subject
from mien.doctor.verdict import Verdict
from tests.fakes.machine import FakeMachine

FINE = SetupFacts(
    versions={"mien": "0.1.0", "Python": "3.13.1", "machine": "aarch64", "opencv-python-headless": "4.12.0"},
    config_path="/etc/mien/mien.toml",
    state="/var/lib/mien",
    numpy="2.2.0",
    opencv="4.12.0",
    cascade=True,
)


@pytest.mark.parametrize("check", [each.function for each in checks.GROUP.checks.values()])
def test_all_is_well(check: Callable[[SetupFacts], Verdict]) -> None:
    """By every check, without a cure."""
    assert check(FINE)[::2] == ("good", "")


OLD_PYTHON = {"Python": "3.11.2", "opencv-python-headless": "4.12.0"}


@pytest.mark.parametrize(
    ("check", "changes", "sentence", "cure"),
    [
        (checks.check_configuration, {"config_fault": "No [moo]."}, "No [moo].", "mien config check --config /etc"),
        (checks.check_state, {"state_fault": "/var/lib/mien cannot be written by this user"}, "cannot", "chown"),
        (checks.check_state, {"state_fault": "It cannot be made.", "state": ""}, "cannot be", "STATE_DIRECTORY"),
        (checks.check_libraries, {"numpy": "", "library_end": "crashed (SIGILL)"}, "NumPy crashed", "numpy"),
        (
            checks.check_libraries,
            {"opencv": "", "library_end": "failed (ImportError: numpy.core.multiarray failed to import)"},
            "OpenCV 4.12.0 does not work with NumPy 2.2.0",
            "'numpy>=2,<3' 'opencv-python-headless>=4.12,<5'",
        ),
        (
            checks.check_libraries,
            {"opencv": "", "library_end": "failed (numpy is wrong)", "versions": OLD_PYTHON},
            "does not work with NumPy",
            "'numpy>=1.26,<2' 'opencv-python-headless>=4.10,<4.12'",
        ),
        (
            checks.check_libraries,
            {"library_end": "failed (ModuleNotFoundError: No module named 'cv2')", "versions": {"Python": "3.11.2"}},
            "not installed",
            "opencv-python-headless",
        ),
        (
            checks.check_libraries,
            {"library_end": "failed (ImportError: libGL.so.1: cannot open shared object file)"},
            "libGL",
            "headless",
        ),
        (checks.check_libraries, {"library_end": "did not end in time"}, "did not end", "reinstall"),
        (checks.check_libraries, {"cascade": False}, "no face cascade", "opencv"),
    ],
)
def test_each_fault_has_its_sentence_and_its_cure(
    check: Callable[[SetupFacts], Verdict], changes: dict[str, Any], sentence: str, cure: str
) -> None:
    """The pair of versions that is recommended is the one that this Python can have."""
    verdict = check(msgspec.structs.replace(FINE, **changes))
    assert verdict.state == "bad"
    assert sentence in verdict.sentence
    assert cure in verdict.cure


def test_defaults_are_a_valid_configuration() -> None:
    """Without a file nothing is wrong."""
    assert checks.check_configuration(SetupFacts()).state == "good"


@pytest.mark.parametrize(
    ("module", "text", "name"),
    [
        ("cv2.py", "raise ImportError('numpy.core.multiarray failed to import')", "does not work with NumPy"),
        ("cv2.py", "import os; os.abort()", "crashed (SIGABRT)"),
        ("numpy.py", "raise ImportError('libopenblas is not there')", "NumPy failed"),
    ],
)
def test_libraries_are_really_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, text: str, name: str
) -> None:
    """In a process of their own, which may crash; without the broken library all is well again."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / module).write_text(text)
    machine = FakeMachine(tmp_path)
    subject = Subject(machine, Config(), state=tmp_path)
    with monkeypatch.context() as changed:
        changed.setenv("PYTHONPATH", f"{tmp_path / 'lib'}:{os.environ.get('PYTHONPATH', '')}")
        verdict = checks.check_libraries(checks.gather(subject))
        assert verdict.state == "bad"
        assert name in verdict.sentence
    assert checks.check_libraries(checks.gather(subject)).state == "good"


def test_versions_and_state_are_of_this_machine(tmp_path: Path) -> None:
    """The system is named; a state directory that is not there is a fault, not an exception."""
    machine = FakeMachine(tmp_path)
    facts = checks.gather(Subject(machine, Config(), state=tmp_path / "none"))
    assert facts.versions["mien"] == __version__
    assert facts.versions["system"] == "Raspberry Pi OS"
    assert "cannot be written" in facts.state_fault
    assert "Raspberry Pi OS" in checks.check_versions(facts).sentence
