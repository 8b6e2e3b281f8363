"""The bundle for a bug report: the checks, the configuration, versions and journal, without secrets or moods."""

from __future__ import annotations

import contextlib
import io
import os
import re
import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from mien import __version__
from mien.doctor.checks.setup_checks import collect_versions
from mien.doctor.masking import Masker, mask_config
from mien.doctor.running import UNIT
from mien.doctor.subject import Subject
from mien.doctor.verdict import CheckResult
from mien.errors import UsageError
from mien.expression import LABELS

LINES = 300
"""Of the journal, at most."""

_JOURNAL_TIMEOUT = 5.0  # seconds
_KEPT = re.compile(r"(systemd(\[\d+\])?: |: (DEBUG|INFO|WARNING|ERROR|CRITICAL): |: mien: )")
_MOODS = re.compile(rf"\b({'|'.join(LABELS)})\b|probabilit|confidence|Started .* by |Queued .* by ", re.IGNORECASE)
_ELSEWHERE = "Give another name, or let your shell write it: mien doctor --report - > FILE."
_UNREADABLE = f"The journal could not be read. To add it: journalctl -u {UNIT}, as a user who may.\n"
_README = """What mien doctor --report wrote, to be attached to a bug report. Please read it before you send it.

doctor.json     every check: its state, what was found out, and the cure
config.toml     the effective configuration; passwords, the client id, names and addresses are ***
versions.json   the versions of mien, of what it is built on, and of the machine
journal.txt     the service's last lines in the journal, without moods and songs

Nothing in it shows a picture, a mood, a password or a token.
"""


class ReportPayload(msgspec.Struct, frozen=True):
    """The results as one object, for `--json` and the bundle. at: ISO 8601, UTC."""

    mien: str
    at: str
    checks: list[CheckResult]


def to_payload(results: Sequence[CheckResult], subject: Subject) -> ReportPayload:
    """Return the results with the version and the time."""
    at = datetime.fromtimestamp(subject.system.clock.wall(), UTC)
    return ReportPayload(__version__, f"{at:%Y-%m-%dT%H:%M:%SZ}", list(results))


def check_target(path: Path) -> None:
    """Raise UsageError where a bundle cannot be written: nothing is overwritten."""
    if os.path.lexists(path):
        raise UsageError(f"{path} exists already: give another name, or remove it first.")
    folder = path.absolute().parent
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder}, or it may not be entered. {_ELSEWHERE}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"This user may not write in {folder}. {_ELSEWHERE}")


def make_bundle(results: Sequence[CheckResult], subject: Subject, masker: Masker) -> bytes:
    """Return a zip file."""
    return _pack(
        {
            "README.txt": _README,
            "doctor.json": _format_json(to_payload([_mask_result(each, masker) for each in results], subject)),
            "config.toml": mask_config(subject.config, masker),
            "versions.json": _format_json(collect_versions(subject)),
            "journal.txt": read_journal(subject, masker),
        }
    )


def write_bundle(path: Path, content: bytes) -> None:
    """Write a new file of mode 0600. Raises UsageError where that fails; then no part of it is left."""
    check_target(path)
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}. {_ELSEWHERE}") from None
    try:
        with os.fdopen(file, "wb") as opened:
            opened.write(content)
    except OSError as error:
        with contextlib.suppress(OSError):
            path.unlink()
        raise UsageError(f"{path} cannot be written: {error.strerror}. {_ELSEWHERE}") from None


def read_journal(subject: Subject, masker: Masker) -> str:
    """Return the service's last lines in the journal, and how many were left out because they may hold a mood."""
    command = ("journalctl", "-u", UNIT, "-n", str(LINES), "-o", "short-iso", "--no-pager", "--quiet", "--no-hostname")
    done = subject.system.run(*command, timeout=_JOURNAL_TIMEOUT)
    if done is None or done.code != 0:
        return _UNREADABLE
    lines = done.out.splitlines()
    if not lines:
        return _UNREADABLE
    kept = [line for line in lines if _KEPT.search(line) and not _MOODS.search(line)]
    left_out = len(lines) - len(kept)
    text = "".join(f"{line}\n" for line in [*kept, f"({left_out} lines with moods, songs or other output left out)"])
    return masker.mask_private(text)


def _mask_result(result: CheckResult, masker: Masker) -> CheckResult:
    """Return a result without secrets, homes, and the values that a fault of the configuration quotes."""
    sentence = result.sentence
    if result.name == "configuration" and result.state != "good":
        sentence = re.sub(r"'[^']*'|\"[^\"]*\"", "'***'", sentence)
    mask = masker.mask_private
    return msgspec.structs.replace(result, sentence=mask(sentence), cure=mask(result.cure))


def _format_json(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=1).decode() + "\n"


def _pack(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()
