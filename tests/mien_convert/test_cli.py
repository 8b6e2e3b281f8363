"""The command line of mien-convert: quick help, and one sentence where its extra is missing."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.mien_convert.conftest import Convert, assert_refused


def test_help_loads_no_tensorflow() -> None:
    """The parser and its help load neither TensorFlow nor Keras nor matplotlib."""
    heavy = "{'tensorflow', 'keras', 'matplotlib'}"
    code = f"import sys, mien_convert.cli as c; c.parser().format_help(); print({heavy} & set(sys.modules))"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert process.stdout == "set()\n"


@pytest.mark.parametrize(
    ("missing", "command"),
    [
        ("tensorflow", ["quantize", "net.keras", "--data", ".", "--out", "x.tflite"]),
        ("keras", ["verify", "x.tflite", "--against", "net.keras", "--data", "."]),
        ("matplotlib", ["compare", "x.tflite", "--data", "."]),
    ],
)
def test_without_its_extra_it_names_the_extra(missing: str, command: list[str]) -> None:
    """One sentence with the command that installs the extra, and exit code 2."""
    code = f"import sys; sys.modules[{missing!r}] = None; from mien_convert.cli import main; sys.exit(main({command}))"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert process.returncode == 2
    sentence = f"this command needs {missing}, which is not installed: pip install 'mien[training]'."
    assert process.stderr == f"mien-convert: {sentence}\n"


@pytest.mark.parametrize("value", ["-1", "101", "nan", "much"])
def test_an_impossible_cost_is_a_wrong_command_line(convert: Convert, value: str) -> None:
    """Refused before TensorFlow is loaded."""
    arguments = ("verify", "x.tflite", "--against", "net.keras", "--data", ".", f"--max-cost={value}")
    assert_refused(convert(*arguments), 2, "percentage points")
