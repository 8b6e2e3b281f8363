"""`mien model info` and `mien model fetch-yunet`."""

from __future__ import annotations

import io
import itertools
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from mien.commands import model, progress
from mien.expression import LABELS
from mien.vision.model_file import EvenFigures, RepresentativeFaces
from tests.fakes.contracts import PLAIN


def test_info_names_the_view() -> None:
    """In words that need no knowledge of the data."""
    contracts = [msgspec.structs.replace(PLAIN, view=view) for view in ("fer2013", "ferplus")]
    texts = [model.format_contract(Path("a"), contract) for contract in contracts]
    assert "own label" in texts[0]
    assert "ten taggers" in texts[1]


def test_info_shows_mode_cost_and_calibration() -> None:
    """The kind of network, its accuracy, the cost of the conversion, and what it was calibrated on."""
    representative = RepresentativeFaces(faces=656, per_expression=100, seed=0, sha256="0" * 64)
    contract = msgspec.structs.replace(
        PLAIN,
        mode="int8",
        output="probabilities",
        representative_faces=representative,
        source_accuracy=0.51,
        adapted="turned around",
    )
    output = model.format_contract(Path("a.tflite"), contract)
    for text in ("int8", "probabilities", "656 training faces", "0.5100", "turned around", *LABELS):
        assert text in output


def test_info_shows_the_decisions_under_both_priors() -> None:
    """Accuracy, balanced accuracy, calibration error and temperature of each, or a dash where one is not recorded."""
    even = EvenFigures(accuracy=0.61, balanced_accuracy=0.62, calibration_error=0.03)
    contract = msgspec.structs.replace(
        PLAIN, calibration_error=0.02, even=even, temperature=1.25, even_temperature=1.75
    )
    rows = {
        line.split(" prior")[0]: line.split()[-4:] for line in model.format_contract(Path("a"), contract).split("\n")
    }
    assert rows["the data's"] == ["0.5000", "0.5000", "0.0200", "1.2500"]
    assert rows["even"] == ["0.6100", "0.6200", "0.0300", "1.7500"]
    assert "neutral 0.143, happy 0.143" in model.format_contract(Path("a"), contract)
    assert model.format_contract(Path("a"), PLAIN).count("  -  ") == 4


class Terminal(io.StringIO):
    """A text file that is a terminal."""

    def isatty(self) -> bool:
        """Return True."""
        return True


@pytest.mark.parametrize(
    ("file", "line"),
    [
        (Terminal(), "\r\033[KYuNet: 113 of 227 KiB, 50%\r\033[KYuNet: 227 of 227 KiB, 100%\r\033[K"),
        (io.StringIO(), "YuNet: 113 of 227 KiB, 50%\nYuNet: 227 of 227 KiB, 100%\n"),
    ],
)
def test_the_download_reports_its_progress(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, file: io.StringIO, line: str
) -> None:
    """One line that redraws itself in a terminal and is wiped at the end; lines in a log."""

    def download(_: str, __: Path, size: int, ___: str, report: Callable[[int, int], None]) -> bool:
        for have in (size // 2, size):
            report(have, size)
        return True

    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    monkeypatch.setattr(model, "download", download)
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=itertools.count(0, 10).__next__))
    monkeypatch.setattr(sys, "stderr", file)
    model.fetch_yunet()
    assert file.getvalue() == line
    assert "mien uses it from its next start" in capsys.readouterr().out
