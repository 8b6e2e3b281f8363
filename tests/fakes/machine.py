"""A machine for the doctor: its files in a folder, its programs with chosen outputs, its disk and its users."""

from __future__ import annotations

import sys
from pathlib import Path

from mien.clock import Clock
from mien.doctor.system import Completed, DiskUsage, System

HEALTHY_UNIT = {
    "LoadState": "loaded",
    "ActiveState": "active",
    "SubState": "running",
    "UnitFileState": "enabled",
    "Result": "success",
    "ExecMainCode": "0",
    "ExecMainStatus": "0",
    "NRestarts": "0",
    "StatusText": "Watching.",
    "User": "mien",
}


class FakeMachine(System):
    """A Pi whose parts a test breaks; this Python is the real one.

    programs: of those that are there, by name, the output of each, or a Completed. children: the outcomes of probes,
    kept over many tests. salt: what the probes' outcomes depend on, beside their input.
    """

    def __init__(self, root: Path, children: dict[tuple[str, ...], Completed] | None = None) -> None:
        super().__init__(root, Clock())
        self.unit = dict(HEALTHY_UNIT)
        self.programs: dict[str, str | Completed] = {
            "timedatectl": "yes\n",
            "vcgencmd get_throttled": "throttled=0x0\n",
            "vcgencmd measure_temp": "temp=51.0'C\n",
            "journalctl": "",
        }
        self.usage: DiskUsage | None = DiskUsage(8 * 10**9, 32 * 10**9)
        self.groups: dict[str, set[str]] = {"mien": {"mien", "video", "render"}}
        self.children, self.salt = children, ""
        self.write("/run/systemd/system/.keep", "")
        self.write("/sys/fs/ext4/mmcblk0p2/errors_count", "0\n")
        self.write("/sys/block/mmcblk0/device/life_time", "0x01 0x02\n")
        self.write("/etc/os-release", 'PRETTY_NAME="Raspberry Pi OS"\n')

    def write(self, path: str, text: str) -> None:
        """Write a file of the machine."""
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def run(self, *command: str, timeout: float = 3.0, stdin: bytes = b"") -> Completed | None:
        """Return the chosen output of a program; run this Python's for real, once for each input."""
        if command[0] == sys.executable:
            return self._run_child(command, timeout, stdin)
        if command[:2] == ("systemctl", "show"):
            if command[-1] == "--value":
                return Completed(0, self.unit.get("MainPID", "0"))
            return Completed(0, "".join(f"{name}={value}\n" for name, value in self.unit.items()))
        output = self.programs.get(command[0], self.programs.get(" ".join(command[:2])))
        return Completed(0, output) if isinstance(output, str) else output

    def disk_usage(self, path: Path) -> DiskUsage | None:
        """Return the chosen usage."""
        del path
        return self.usage

    def groups_of(self, user: str) -> set[str] | None:
        """Return the chosen groups."""
        return self.groups.get(user)

    def _run_child(self, command: tuple[str, ...], timeout: float, stdin: bytes) -> Completed | None:
        key, timeout = (*command, stdin.decode(), self.salt), 10 * timeout  # a machine that runs tests is busy
        if self.children is None:
            return super().run(*command, timeout=timeout, stdin=stdin)
        if key not in self.children:
            done = super().run(*command, timeout=timeout, stdin=stdin)
            assert done is not None
            self.children[key] = done
        return self.children[key]
