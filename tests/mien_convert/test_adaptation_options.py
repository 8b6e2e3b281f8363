"""The options for networks that were not trained with mien-train."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from mien.errors import UsageError

pytest.importorskip("tensorflow")

from mien_convert.adaptation_options import adaptation_from  # after the check for TensorFlow


def arguments(labels: str | None) -> argparse.Namespace:
    return argparse.Namespace(labels=labels, levels=None, resize=False)


def test_labels_are_the_networks_outputs_in_order() -> None:
    """In lower case, without spaces; none by default."""
    assert adaptation_from(arguments("Happy, sad,-")).labels == ("happy", "sad", "-")
    assert adaptation_from(arguments(None)).labels is None


def test_a_file_for_the_datas_folders_is_refused_with_its_option(tmp_path: Path) -> None:
    """`mien-train` calls it --labels; here that names the outputs."""
    path = tmp_path / "labels.toml"
    path.write_text('"0_angry" = "angry"\n', encoding="utf-8")
    with pytest.raises(UsageError, match=r"--data-labels") as caught:
        adaptation_from(arguments(str(path)))
    assert str(path) in str(caught.value)
