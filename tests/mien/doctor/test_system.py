"""Programs with a deadline, and files of a machine."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from mien.doctor.system import System
from tests.eventually import eventually


def test_a_program_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    """At the deadline; what it wrote before stays, and the program that it started, which holds its output, ends."""
    script = f"echo begun; sleep 30 & echo $! > {tmp_path}/pid; wait"
    began = time.monotonic()
    done = System().run("sh", "-c", script, timeout=0.5)
    assert time.monotonic() - began < 5
    assert done is not None
    assert (done.code, done.out) == (None, "begun\n")
    pid = int((tmp_path / "pid").read_text())
    assert eventually(lambda: not Path(f"/proc/{pid}/cmdline").exists() or not Path(f"/proc/{pid}/cmdline").read_text())


def test_how_a_program_ended() -> None:
    """Its exit code, or its signal as a negative number; a missing program is None, and binary output text."""
    system = System()
    assert system.run("/nonexistent/program") is None
    script = "import sys; sys.stdout.buffer.write(b'\\xff' + sys.stdin.buffer.read())"
    done = system.run(sys.executable, "-c", script, stdin=b"in")
    assert done is not None
    assert (done.code, done.out) == (0, "\ufffdin")
    killed = system.run(sys.executable, "-c", "import os; os.kill(os.getpid(), 11)")
    assert killed is not None
    assert killed.code == -11


def test_a_program_that_reads_nothing_is_not_waited_for() -> None:
    """Even if its input does not fit into the pipe."""
    done = System().run("true", stdin=b"x" * 1_000_000)
    assert done is not None
    assert done.code == 0


def test_files_are_read_below_the_root(tmp_path: Path) -> None:
    """Stripped, bounded, and None where there is none."""
    (tmp_path / "sys").mkdir()
    (tmp_path / "sys" / "temp").write_text("51000\n\0")
    (tmp_path / "sys" / "large").write_bytes(b"x" * 1_000_000)
    system = System(tmp_path)
    assert system.read("/sys/temp") == "51000"
    assert system.read("/sys/none") is None
    assert len(system.read("/sys/large") or "") == 65536
    assert system.glob("/sys/*") == ["/sys/large", "/sys/temp"]
    assert system.glob("/none/*") == []


def test_disk_and_groups(tmp_path: Path) -> None:
    """Of what exists; None for what does not."""
    system = System()
    usage = system.disk_usage(tmp_path)
    assert usage is not None
    assert 0 <= usage.free <= usage.total
    assert system.disk_usage(tmp_path / "none") is None
    assert "root" in (system.groups_of("root") or ())
    assert system.groups_of("nobody-of-that-name") is None
