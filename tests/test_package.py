"""The built wheel, installed alone into an empty environment by .ci/package, which sets $MIEN_PACKAGE to its folder."""

from __future__ import annotations

import json
import os
import subprocess
import zipfile
from pathlib import Path, PurePosixPath

import pytest

from mien import __version__

PACKAGE = Path(os.environ.get("MIEN_PACKAGE", "/nonexistent"))
PROGRAMS = PACKAGE / "venv" / "bin"
pytestmark = pytest.mark.skipif(not PROGRAMS.is_dir(), reason="needs an installed wheel in $MIEN_PACKAGE: .ci/package")

PACKAGES = {"mien", "mien_training", "mien_convert"}
DATA = {
    "mien/data/demo_faces.png",
    "mien/data/starter.csv",
    "mien/models/expression.tflite",
    "mien/mqtt/schema.json",
    "mien/py.typed",
    "mien_convert/py.typed",
    "mien_convert/tflite_runtime_2_14.json",
    "mien_training/py.typed",
}


def run_program(program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run an installed program outside the clone, without this environment's paths."""
    environment = {key: value for key, value in os.environ.items() if key not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    return subprocess.run(
        [PROGRAMS / program, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
        cwd=PACKAGE,
        env=environment,
    )


def test_the_wheel_holds_the_packages_and_their_data() -> None:
    """Nothing is missing, and neither tests nor training weights are in it."""
    [wheel] = PACKAGE.glob("*.whl")
    names = [name for name in zipfile.ZipFile(wheel).namelist() if not name.endswith("/")]
    assert set(names) >= DATA
    folders = {PurePosixPath(name).parts[0] for name in names}
    assert folders == PACKAGES | {f"mien-{__version__}.dist-info"}
    assert [name for name in names if name.endswith((".tflite", ".keras", ".h5"))] == ["mien/models/expression.tflite"]
    assert not [name for name in names if "test" in PurePosixPath(name).name]


def test_the_version_is_that_of_the_clone() -> None:
    """`mien --version` prints it."""
    assert run_program("mien", "--version").stdout == f"mien {__version__}\n"


def test_only_the_needed_is_installed() -> None:
    """Neither TensorFlow nor Keras nor pyarrow comes with the device."""
    code = "from importlib.util import find_spec as f; print([n for n in ('tensorflow','keras','pyarrow') if f(n)])"
    assert run_program("python", "-c", code).stdout == "[]\n"


def test_the_demo_runs() -> None:
    """`mien demo` shows moods and songs, and ends by itself."""
    demo = run_program("mien", "demo")
    assert demo.returncode == 0, demo.stderr
    assert "happy" in demo.stdout


def test_a_photo_is_classified(photo: Path) -> None:
    """`mien classify` finds the face of a photo and its expression."""
    outcome = run_program("mien", "classify", "--json", photo)
    assert outcome.returncode == 0, outcome.stderr
    [face] = json.loads(outcome.stdout)["faces"]
    assert face["expression"] == "happy"


@pytest.mark.parametrize(
    ("program", "arguments"),
    [
        ("mien-train", ["evaluate", "net.keras", "--data", ".", "--split", "PublicTest"]),
        ("mien-convert", ["quantize", "net.keras", "--data", ".", "--out", "net.tflite"]),
    ],
)
def test_the_desktop_programs_name_their_extra(program: str, arguments: list[str]) -> None:
    """One sentence with the command that installs the extra, and exit code 2; their help works without it."""
    assert run_program(program, "--help").returncode == 0
    outcome = run_program(program, *arguments)
    assert outcome.returncode == 2, outcome
    assert "pip install 'mien[training]'" in outcome.stderr
    assert len(outcome.stderr.splitlines()) == 1
    assert "unexpected" not in outcome.stderr
