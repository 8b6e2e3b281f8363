"""Keras's own settings: none of them breaks a command, and a backend that cannot be used is one sentence."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mien.errors import UsageError
from mien_training.keras_import import MissingExtraError, _requested_backend, import_keras_quietly
from tests.fakes.pattern_faces import write_pattern_faces

pytest.importorskip("keras", reason="needs the extra 'training'")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")  # the backend's own

OLD = {"backend": "theano", "image_data_format": "channels_first", "floatx": "float16", "epsilon": "tiny"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder with Keras's folder, and no variables of Keras."""
    (tmp_path / ".keras").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in [name for name in os.environ if name.startswith("KERAS_")]:
        monkeypatch.delenv(name)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "backend"),
    [
        (b'{"backend": "jax"}', "jax"),
        (b'{"backend": "theano"}', "tensorflow"),
        (b'{"backend": "cntk"}', "tensorflow"),
        (b'{"backend": ["jax"]}', "tensorflow"),
        (b'{"floatx": "float16"}', "tensorflow"),
        (b"[]", "tensorflow"),
        (b"{", "tensorflow"),
        (b"\xff\xfe", "tensorflow"),
        (b"", "tensorflow"),
        (None, "tensorflow"),
    ],
)
def test_only_a_backend_that_can_be_used_counts_among_the_settings(
    home: Path, monkeypatch: pytest.MonkeyPatch, text: bytes | None, backend: str
) -> None:
    """Anything else in keras.json, damaged JSON too, gives the default."""
    monkeypatch.setattr("mien_training.keras_import.find_spec", lambda module: module)
    if text is not None:
        (home / ".keras" / "keras.json").write_bytes(text)
    assert _requested_backend() == backend


def test_a_backend_of_the_settings_that_is_not_installed_gives_the_default(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Settings are of a machine and of any age: they do not end a command."""
    monkeypatch.setattr("mien_training.keras_import.find_spec", lambda _: None)
    (home / ".keras" / "keras.json").write_text('{"backend": "torch"}', encoding="utf-8")
    assert _requested_backend() == "tensorflow"


@pytest.mark.parametrize("backend", ["theano", "cntk", "numpy", "Tensorflow"])
def test_a_variable_with_an_unknown_backend_is_refused(
    home: Path, monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    """KERAS_BACKEND is set on purpose, so the error gives the values to choose from."""
    assert home.is_dir()
    monkeypatch.setenv("KERAS_BACKEND", backend)
    with pytest.raises(UsageError, match="set it to tensorflow, jax or torch"):
        import_keras_quietly()


def test_a_variable_with_a_backend_that_is_not_installed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the extra."""
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"mien\[training,torch\]"):
        import_keras_quietly()


def test_mien_convert_brings_its_own_backend_and_format(home: Path, tmp_path: Path) -> None:
    """With settings that each end Keras's import, and a backend of another kind, a conversion works as ever."""
    (home / ".keras" / "keras.json").write_text(json.dumps(OLD), encoding="utf-8")
    faces = write_pattern_faces(tmp_path, training=4, validation=2)
    network, file = tmp_path / "net.keras", tmp_path / "net.tflite"
    program = f"""
from mien_training.keras_import import import_keras_quietly
import_keras_quietly("tensorflow")
import keras, sys
from mien_convert.cli import main
from tests.fakes.pattern_network import pattern_network
pattern_network().save({str(network)!r})
code = main(["quantize", {str(network)!r}, "--data", {str(faces)!r}, "--out", {str(file)!r}, "--mode", "float32"])
print(keras.config.backend(), keras.config.image_data_format(), keras.config.floatx())
sys.exit(code)
"""
    done = run_child(program, KERAS_BACKEND="openvino", KERAS_MAX_EPOCHS="many")
    assert (done.returncode, done.stderr) == (0, "loading TensorFlow\n")
    assert "accuracy 1.0000" in done.stdout
    assert done.stdout.endswith("tensorflow channels_last float32\n")


def test_mien_train_reads_no_settings_and_writes_none(home: Path, tmp_path: Path) -> None:
    """Damaged settings do not end the import, and stay as they are; the command gets as far as its missing file."""
    settings = home / ".keras" / "keras.json"
    settings.write_text('{"floatx": "float8"}', encoding="utf-8")
    done = run_child(
        "from mien_training.cli import main; import sys\n"
        f"sys.exit(main(['evaluate', 'none.keras', '--data', {str(tmp_path)!r}, '--split', 'PublicTest']))",
        KERAS_MAX_STEPS_PER_EPOCH="",
    )
    assert done.returncode == 4, done
    assert done.stderr.count("\n") == 1
    assert settings.read_text(encoding="utf-8") == '{"floatx": "float8"}'


def run_child(program: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a process of its own: Keras is imported once in a process."""
    return subprocess.run(
        [sys.executable, "-c", program], env=os.environ | variables, capture_output=True, text=True, check=False
    )
