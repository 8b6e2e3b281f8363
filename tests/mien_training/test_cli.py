"""The command line: refusals in one sentence, and missing extras."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mien_training.cli import main
from mien_training.keras_import import missing_extras_explained

pytest.importorskip("keras", reason="needs the extra 'training'")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")  # the backend's own

import keras  # noqa: E402  # after it was found


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["fit", "--recipe", "sed", "--data", "{data}", "--out", "{out}"], 2),
        (["fit", "--recipe", "seed", "--data", "{data}", "--out", "{out}", "--epochs", "0"], 2),
        (["fit", "--recipe", "seed", "--data", "{out}", "--out", "{out}"], 4),
        (["fit", "--recipe", "seed", "--data", "{data}", "--out", "{out}", "--teacher", "{data}"], 4),
        (["evaluate", "{data}/none.keras", "--data", "{data}", "--split", "PublicTest"], 4),
        (["evaluate", "{out}/bad.keras", "--data", "{data}", "--split", "PublicTest"], 5),
        (["evaluate", "{out}/bad.tflite", "--data", "{data}", "--split", "PublicTest"], 5),
        (["evaluate", "{out}/bad.keras", "--data", "{data}", "--split", "validation"], 4),
    ],
)
def test_bad_arguments_end_in_one_sentence(
    faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int
) -> None:
    """Unknown recipes, splits, folders and broken models end in a sentence and their exit code."""
    (tmp_path / "bad.keras").write_bytes(b"not a model")
    (tmp_path / "bad.tflite").write_bytes(b"not a model")
    assert main([argument.format(data=faces, out=tmp_path) for argument in arguments]) == code
    error = capsys.readouterr().err
    assert error.startswith("mien-train: ")
    assert error.count("\n") == 1


def test_a_network_that_keras_refuses_is_one_sentence(
    faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Keras's own message would print the configuration of the layer."""
    network = keras.Sequential([keras.Input((48, 48, 1)), keras.layers.Lambda(lambda x: x), keras.layers.Flatten()])
    network.save(tmp_path / "net.keras")
    assert main(["evaluate", str(tmp_path / "net.keras"), "--data", str(faces), "--split", "PublicTest"]) == 5
    error = capsys.readouterr().err
    assert "mien-convert quantize" in error
    assert "safe_mode" not in error
    assert error.count("\n") == 1


COMMANDS = {
    "fit": ["fit", "--recipe", "seed", "--data", "none", "--out", "none"],
    "average": ["average", "one", "two", "--data", "none", "--out", "none"],
    "evaluate": ["evaluate", "none.keras", "--data", "none", "--split", "PublicTest"],
    "report": ["report", "none.keras", "--data", "none", "--out", "none"],
}


@pytest.mark.parametrize(
    ("module", "command"),
    [*(("keras", command) for command in COMMANDS), ("tensorflow", "fit"), ("matplotlib", "report")],
)
def test_a_missing_extra_is_named(module: str, command: str) -> None:
    """Without a module of the extra a command ends in a sentence that names the extra, and exit code 2."""
    done = run_without(module, COMMANDS[command])
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("mien-train: ")
    assert f"needs {module}" in done.stderr
    assert "pip install 'mien[training]'" in done.stderr
    assert done.stderr.count("\n") == 1


def test_other_missing_modules_stay_unexpected() -> None:
    """A module that no extra installs is not blamed on an extra."""
    with pytest.raises(ModuleNotFoundError, match="somewhere"), missing_extras_explained():
        raise ModuleNotFoundError("No module named 'somewhere'", name="somewhere")


def run_without(module: str, arguments: list[str]) -> subprocess.CompletedProcess[str]:
    """Run mien-train in a process in which a module cannot be imported."""
    program = (
        f"import sys; sys.modules[{module!r}] = None\nfrom mien_training.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    return subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False)
