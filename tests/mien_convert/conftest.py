"""Fixtures for the converter: pattern faces, and `mien-convert` in this process."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from mien_convert.cli import main
from tests.conftest import Outcome
from tests.fakes.pattern_faces import write_disputed_faces, write_pattern_faces

with warnings.catch_warnings(), contextlib.suppress(ImportError):
    warnings.simplefilter("ignore")  # TensorFlow and Keras warn while they load
    import keras  # noqa: F401  # as tensorflow
    import tensorflow as tf  # noqa: F401  # loaded here, so that the test modules import it without warnings

Convert = Callable[..., Outcome]


@pytest.fixture(scope="session")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of patterns."""
    return write_pattern_faces(tmp_path_factory.mktemp("faces"))


@pytest.fixture(scope="session")
def disputed(faces: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same patterns, every FER2013 label wrong, and FER+ votes that are right; one validation face has none."""
    return write_disputed_faces(faces, tmp_path_factory.mktemp("disputed"))


@pytest.fixture
def convert(capfd: pytest.CaptureFixture[str]) -> Convert:
    """Run a `mien-convert` command in this process."""

    def call(*arguments: str | Path) -> Outcome:
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as error:
            code = int(error.code or 0)
        captured = capfd.readouterr()
        return Outcome(code, captured.out, captured.err)

    return call


def assert_refused(outcome: Outcome, code: int, text: str) -> None:
    """One sentence with the remedy, and the documented exit code."""
    assert outcome.code == code, outcome
    last = outcome.err.rstrip("\n").splitlines()[-1]
    assert last.startswith("mien-convert: ")
    assert text in last
    assert "unexpected" not in last
    assert "Traceback" not in outcome.err


def quantize_command(source: Path, data: Path, out: Path) -> list[str]:
    """Return the command line of a conversion in its own process."""
    return [sys.executable, "-m", "mien_convert.cli", "quantize", f"{source}", "--data", f"{data}", "--out", f"{out}"]
