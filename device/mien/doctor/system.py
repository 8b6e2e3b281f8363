"""The machine as the checks read it: programs with a deadline, files, the disk and the clocks."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from mien.clock import Clock

_MAX_FILE = 64 * 1024  # bytes
_REAP_TIMEOUT = 1.0  # seconds for a killed program to go; one that a driver holds does not


@dataclass(frozen=True, slots=True)
class Completed:
    """What a program left. code: its exit code, negative for a signal; None where its time was over."""

    code: int | None
    out: str = ""
    err: str = ""


@dataclass(frozen=True, slots=True)
class DiskUsage:
    """free, total: bytes of a file system."""

    free: int
    total: int


class System:
    """Everything outside of this process. Nothing here raises an exception, and nothing waits for long."""

    def __init__(self, root: Path = Path("/"), clock: Clock | None = None) -> None:
        """root: of the file system, for tests."""
        self.root, self.clock = root, clock or Clock()

    def run(self, *command: str, timeout: float = 3.0, stdin: bytes = b"") -> Completed | None:
        """Run a program and return what it left, or None if there is no such program.

        timeout: seconds after which it is killed, with the programs that it has started.
        """
        try:
            process = subprocess.Popen(  # noqa: S603  # fixed commands, without a shell
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError:
            return None
        try:
            out, err = process.communicate(stdin, timeout)
            code: int | None = process.returncode
        except subprocess.TimeoutExpired:
            code, (out, err) = None, _kill(process)
        return Completed(code, out.decode(errors="replace"), err.decode(errors="replace"))

    def read(self, path: str) -> str | None:
        """Return the beginning of a file, stripped; None where it cannot be read. path: absolute."""
        try:
            with (self.root / path.lstrip("/")).open("rb") as file:
                return file.read(_MAX_FILE).decode(errors="replace").strip("\0\n ")
        except OSError:
            return None

    def glob(self, pattern: str) -> list[str]:
        """Return the absolute paths that match a pattern, sorted."""
        with contextlib.suppress(OSError):
            return sorted(f"/{path.relative_to(self.root)}" for path in self.root.glob(pattern.lstrip("/")))
        return []

    def disk_usage(self, path: Path) -> DiskUsage | None:
        """Return the usage of the file system that holds a path; None where it cannot be read."""
        try:
            usage = shutil.disk_usage(path)
        except OSError:
            return None
        return DiskUsage(usage.free, usage.total)

    def groups_of(self, user: str) -> set[str] | None:
        """Return the names of a user's groups; None if there is no such user."""
        try:
            own = pwd.getpwnam(user).pw_gid
        except KeyError:
            return None
        return {group.gr_name for group in grp.getgrall() if user in group.gr_mem or group.gr_gid == own}


def _kill(process: subprocess.Popen[bytes]) -> tuple[bytes, bytes]:
    """Kill a program with all that it started; return what it has written."""
    with contextlib.suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    try:
        return process.communicate(timeout=_REAP_TIMEOUT)
    except subprocess.TimeoutExpired as error:
        return error.output or b"", error.stderr or b""
