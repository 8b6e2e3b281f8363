"""The manual page and the completion that script/manual.py makes of the parsers."""

from __future__ import annotations

import argparse
import shutil
import subprocess
from pathlib import Path

import pytest
from script.manual import commands, completion, man_page

from mien.cli import COMMANDS


def test_the_manual_page_explains_every_command_and_option() -> None:
    """None is missing, and what they print as --help is what the page explains."""
    page = man_page().replace(r"\-", "-").replace(r"\&", "")
    for entry in COMMANDS:
        assert f"\\fBmien {entry.name}\\fR" in page
        assert entry.help in page
    for command in commands():
        assert f"\\fBmien {command.words}\\fR" in page
        for argument in command.arguments():
            assert isinstance(argument, argparse.Action)
            assert all(f"\\fB{name}\\fR" in page for name in argument.option_strings)


@pytest.mark.skipif(shutil.which("groff") is None, reason="needs groff")
def test_the_manual_page_is_valid_roff(tmp_path: Path) -> None:
    """groff prints it without a warning, options with hyphens that can be copied."""
    page = tmp_path / "mien.1"
    page.write_text(man_page(), encoding="utf-8")
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", "-P-cbou", page], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr == ""
    assert "--max-frames N" in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("mien r", {"run", "recommend"}),
        ("mien --v", {"--version"}),
        ("mien run --m", {"--max-frames"}),
        ("mien run --camera songs", {"songs.csv"}),
        ("mien run --max-frames ", set()),
        ("mien music i", {"import"}),
        ("mien music import ", {"songs.csv", "--help"}),
        ("mien music stats --j", {"--json"}),
        ("mien model f", {"fetch-yunet"}),
        ("mien --help config c", {"check"}),
        ("mien play --json --mood s", {"sad", "surprise"}),
        ("mien watch --config songs", {"songs.csv"}),
        ("mien nonsense ", set()),
    ],
)
def test_bash_completes(tmp_path: Path, line: str, expected: set[str]) -> None:
    """Commands, actions, options, their choices, and files where a file is expected."""
    (tmp_path / "songs.csv").touch()
    script = f'{completion()}\nCOMP_WORDS=("$@") COMP_CWORD=$(($# - 1))\n_mien\nprintf "%s\\n" "${{COMPREPLY[@]}}"'
    done = subprocess.run(
        ["bash", "--norc", "-c", script, "bash", *line.split(" ")],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        timeout=60,
    )
    assert set(done.stdout.split()) == expected
    assert done.stderr == ""
