"""The systemd unit."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from tests.conftest import ROOT

UNIT = ROOT / "systemd" / "mien.service"

pytestmark = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="needs systemd-analyze (Debian: systemd)"
)


def analyze(*arguments: str) -> str:
    done = subprocess.run(["systemd-analyze", *arguments, str(UNIT)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_verify_reports_nothing() -> None:
    """systemd itself reports no problem with the unit."""
    assert analyze("verify").strip() == ""


def test_the_sandbox_is_tight() -> None:
    """The exposure that systemd computes is at most 1.5."""
    rating = re.search(r"exposure level for mien\.service: ([0-9.]+)", analyze("security", "--offline=true"))
    assert rating is not None
    assert float(rating[1]) <= 1.5
