"""Shared fixtures: test data where it is present, faces drawn from the demo's averages, and the command line."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import settings
from numpy.typing import NDArray

from mien.cli import main
from mien.expression import Expression
from mien.vision.camera.demo import STAY, DemoCamera

settings.register_profile("mien", deadline=None)  # how long an example takes depends on the machine's load
settings.load_profile("mien")

ROOT = Path(__file__).parents[1]
"""The folder of the clone."""


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of test data, which no clone contains."""
    path = Path(os.environ.get("MIEN_SHARED", ROOT.parent / "shared"))
    if not path.is_dir():
        pytest.skip(f"needs the test data in {path.name}/ beside the clone, or in $MIEN_SHARED")
    return path


@dataclass(frozen=True)
class Outcome:
    """The exit code and the output of a command."""

    code: int
    out: str
    err: str


@pytest.fixture
def mien(capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Run a `mien` command in this process."""

    def call(*arguments: str | Path) -> Outcome:
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as done:  # argparse exits by itself
            code = int(done.code or 0)
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return call


def scene(expression: Expression = Expression.HAPPY) -> NDArray[np.uint8]:
    """Return a frame with the demo's face showing an expression, uint8 (480, 640)."""
    return DemoCamera().draw((expression + 0.6) * STAY)


def face_folders(folder: Path) -> None:
    """Write a small tree of noisy demo faces, a folder a label: 84 to train with, 28 to validate."""
    rng = np.random.default_rng(0)
    for expression in Expression:
        face = cv2.resize(scene(expression)[120:360, 200:440], (48, 48), interpolation=cv2.INTER_AREA)
        for split, count in (("train", 12), ("val", 4)):
            (folder / split / expression.label).mkdir(parents=True)
            for number in range(count):
                noisy = np.clip(face + rng.normal(0, 20, face.shape), 0, 255).astype(np.uint8)
                cv2.imwrite(str(folder / split / expression.label / f"{number}.png"), noisy)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A photo with a face."""
    path = tmp_path / "face.png"
    cv2.imwrite(str(path), scene())
    return path


@pytest.fixture
def empty_photo(tmp_path: Path) -> Path:
    """A photo without a face."""
    path = tmp_path / "wall.png"
    cv2.imwrite(str(path), np.tile(np.linspace(40, 200, 320).astype(np.uint8), (240, 1)))
    return path
