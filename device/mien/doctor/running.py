"""Whether a `mien run` is running, so that nothing disturbs it."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import PurePosixPath

from mien.doctor.system import System

UNIT = "mien.service"


def find_daemon(system: System) -> int:
    """Return the process id of a `mien run`; 0 if there is none."""
    for path in system.glob("/proc/[0-9]*/cmdline"):
        pid = int(PurePosixPath(path).parent.name)
        if pid != os.getpid() and is_run((system.read(path) or "").split("\0")):
            return pid
    # a machine may hide the processes of other users
    done = system.run("systemctl", "show", UNIT, "--property=MainPID", "--value")
    text = done.out.strip() if done is not None and done.code == 0 else ""
    return int(text) if text.isdecimal() else 0


def is_run(command: list[str]) -> bool:
    """Return whether a command line is that of `mien run`."""
    for program, action in pairwise(command):
        if action == "run" and (program == "mien.cli" or PurePosixPath(program).name == "mien"):
            return True
    return False
