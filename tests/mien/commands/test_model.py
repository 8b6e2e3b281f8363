"""`mien model info`."""

from __future__ import annotations

from pathlib import Path

import msgspec

from mien.commands import model
from mien.expression import LABELS
from mien.vision.model_file import RepresentativeFaces
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
