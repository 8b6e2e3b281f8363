"""The installation script, as far as nothing has to be installed; .ci/install runs the whole of it."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from systemd.requirements import requirements

from tests.conftest import ROOT

INSTALL = ROOT / "systemd" / "install.sh"

METADATA = b"""\
Metadata-Version: 2.4
Name: mien
Requires-Dist: ai-edge-litert<3,>=2.1; platform_machine != 'armv7l'
Requires-Dist: tflite-runtime==2.14.0; python_version < '4'
Requires-Dist: numpy<2,>=1.26; python_version < '3'
Requires-Dist: msgspec<1,>=0.19
Provides-Extra: parquet
Requires-Dist: pyarrow>=18; (platform_machine != 'armv7l') and extra == 'parquet'

Requires-Dist: not-a-requirement
"""


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="needs shellcheck (Debian: shellcheck)")
@pytest.mark.parametrize("script", ["systemd/install.sh", "systemd/mien.sh", ".ci/install", ".ci/install-checks"])
def test_shellcheck_reports_nothing(script: str) -> None:
    """Neither an error nor a hint on style."""
    done = subprocess.run(
        ["shellcheck", "--external-sources", "--exclude=SC2148,SC2001", script],  # debian-root.sh is sourced, not run
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.stdout + done.stderr == ""


@pytest.mark.parametrize(
    ("machine", "expected"),
    [("armv7l", []), ("aarch64", ["ai-edge-litert<3,>=2.1"]), ("x86_64", ["ai-edge-litert<3,>=2.1"])],
)
def test_requirements_are_those_of_the_userland(machine: str, expected: list[str]) -> None:
    """A 32-bit system gets no LiteRT, whatever its kernel; markers are resolved, and extras left out."""
    assert requirements(METADATA, machine) == [*expected, "tflite-runtime==2.14.0", "msgspec<1,>=0.19"]


def test_help_and_unknown_options() -> None:
    """--help lists the options; another one is refused with them."""
    for option, code in (("--help", 0), ("--force", 2)):
        done = subprocess.run(["bash", INSTALL, option], capture_output=True, text=True, check=False)
        assert done.returncode == code
        assert all(known in done.stdout + done.stderr for known in ("--uninstall", "--purge", "--dry-run"))
    assert "There is no option --force" in done.stderr
