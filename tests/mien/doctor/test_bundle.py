"""The bundle for a bug report."""

from __future__ import annotations

import json
import os
import stat
import zipfile
from pathlib import Path

import pytest

from mien.config import Config
from mien.doctor.bundle import check_target, make_bundle, read_journal, write_bundle
from mien.doctor.masking import Masker
from mien.doctor.subject import Subject
from mien.doctor.system import Completed
from mien.doctor.verdict import CheckResult
from mien.errors import UsageError
from mien.expression import LABELS
from tests.fakes.machine import FakeMachine

RESULTS = [
    CheckResult("configuration", "bad", "a.toml: camera.on_fault: invalid enum value 'canary'.", "edit /home/anna/a"),
    CheckResult("login", "bad", "It refuses 'canary secret'.", "check it"),
]

JOURNAL = """\
2026-01-02T10:00:00+0100 systemd[1]: Started mien.service - mien.
2026-01-02T10:00:01+0100 mien[70]: INFO: MQTT: connected to 10.0.0.2:1883.
2026-01-02T10:00:02+0100 env[70]: {"event": "mood", "expression": "sad", "confidence": 0.9}
2026-01-02T10:00:02+0100 env[70]: 10:00:02 sad 0.99
2026-01-02T10:00:03+0100 mien[70]: INFO: Started Air by Bach. It fits a sad mood.
2026-01-02T10:00:03+0100 mien[70]: INFO: Queued Air by Bach. It fits.
2026-01-02T10:00:04+0100 mien[70]: mien: The camera fails with canary secret: check /home/anna/x.
2026-01-02T10:00:05+0100 systemd[1]: mien.service: Main process exited, code=exited, status=4/NOPERMISSION
"""


@pytest.fixture
def subject(tmp_path: Path) -> Subject:
    machine = FakeMachine(tmp_path / "root")
    machine.programs["journalctl"] = JOURNAL
    return Subject(machine, Config())


def test_it_holds_what_explains_a_fault(tmp_path: Path, subject: Subject) -> None:
    """Checks, configuration, versions and journal, for the owner's eyes only until it is sent."""
    path = tmp_path / "report.zip"
    write_bundle(path, make_bundle(RESULTS, subject, Masker(["canary secret"])))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with zipfile.ZipFile(path) as archive:
        texts = {name: archive.read(name).decode() for name in archive.namelist()}
    assert set(texts) == {"README.txt", "doctor.json", "config.toml", "versions.json", "journal.txt"}
    assert "canary" not in "".join(texts.values())
    assert "anna" not in "".join(texts.values())
    payload = json.loads(texts["doctor.json"])
    assert [check["name"] for check in payload["checks"]] == ["configuration", "login"]
    assert payload["checks"][0]["sentence"] == "a.toml: camera.on_fault: invalid enum value '***'."
    assert "python" in texts["versions.json"].lower()
    assert 'source = "picamera"' in texts["config.toml"]


def test_the_journal_has_no_moods_and_no_songs(subject: Subject) -> None:
    """What systemd and the log wrote is kept, and what is left out is counted."""
    text = read_journal(subject, Masker(["canary secret"]))
    lines = text.splitlines()
    assert len(lines) == 5
    assert "4 lines" in lines[-1]
    assert not [label for label in LABELS if label in text]
    assert "Bach" not in text
    assert "The camera fails with ***: check ~/x." in text


@pytest.mark.parametrize("done", [None, Completed(None), Completed(0), Completed(1, "", "No journal files.")])
def test_a_journal_that_cannot_be_read_is_named(subject: Subject, done: Completed | None) -> None:
    """And the bundle is written without it."""
    subject.system.run = lambda *_, **__: done  # type: ignore[method-assign]
    assert "could not be read" in read_journal(subject, Masker([]))


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """Neither a file nor what a link points to, and not one that appears meanwhile."""
    path = tmp_path / "report.zip"
    path.write_text("precious")
    link = tmp_path / "link.zip"
    link.symlink_to(tmp_path / "target")
    for target in (path, link):
        with pytest.raises(UsageError, match="exists already"):
            check_target(target)
        with pytest.raises(UsageError, match="exists already"):
            write_bundle(target, b"")
    assert path.read_text() == "precious"
    assert not (tmp_path / "target").exists()


def test_a_place_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Costs a sentence; a full disk leaves no half of a file."""
    with pytest.raises(UsageError, match="no folder"):
        check_target(tmp_path / "none" / "report.zip")
    with pytest.raises(UsageError, match=r"(cannot be written|may not write).*--report - > FILE"):
        write_bundle(Path("/proc/report.zip"), b"")

    def full_disk(file: int, _mode: str) -> object:
        os.close(file)
        return Path("/dev/full").open("wb", buffering=0)

    monkeypatch.setattr(os, "fdopen", full_disk)
    with pytest.raises(UsageError, match="No space left"):
        write_bundle(tmp_path / "report.zip", b"x")
    assert not (tmp_path / "report.zip").exists()
