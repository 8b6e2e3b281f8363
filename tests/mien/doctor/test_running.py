"""Detecting a running daemon."""

from __future__ import annotations

from pathlib import Path

import pytest

from mien.doctor.running import find_daemon, is_run
from tests.fakes.machine import FakeMachine


@pytest.mark.parametrize(
    ("command", "runs"),
    [
        (["/opt/mien/bin/python3", "/opt/mien/bin/mien", "run", "--json", ""], True),
        (["python", "-m", "mien.cli", "run"], True),
        (["mien", "demo"], False),
        (["vim", "mien", "notes"], False),
        (["bash", "run"], False),
        (["/home/a/mien/run"], False),
        ([], False),
    ],
)
def test_the_command_line_of_a_daemon(command: list[str], runs: bool) -> None:
    """Under any path, and as a module; no other command of mien is one."""
    assert is_run(command) is runs


def test_a_daemon_is_detected_by_its_process_or_its_unit(tmp_path: Path) -> None:
    """The second, where other users' processes are hidden."""
    machine = FakeMachine(tmp_path)
    assert find_daemon(machine) == 0
    machine.unit["MainPID"] = "123"
    assert find_daemon(machine) == 123
    machine.write("/proc/77/cmdline", "python3\0/opt/mien/bin/mien\0run\0--json\0")
    assert find_daemon(machine) == 77
