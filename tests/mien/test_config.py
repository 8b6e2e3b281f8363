"""The sections and their limits."""

from __future__ import annotations

import math
import re
from pathlib import Path

import msgspec
import pytest

from mien.config import CameraConfig
from mien.config_file import load
from mien.errors import ConfigError


@pytest.mark.parametrize(
    ("key", "value", "match"),
    [
        ("zoom", 0.5, ">= 1"),
        ("zoom", 9, "<= 4"),
        ("zoom", math.nan, ">= 1"),
        ("focus", "manual", "continuous|auto"),
        ("focus", 0, ">= 0.05"),
        ("focus", math.inf, "<= 100"),
        ("exposure", -9, ">= -8"),
        ("exposure", "bright", "expected `float`"),
        ("source", "", "length >= 1"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_right(tmp_path: Path, key: str, value: object, match: str) -> None:
    """In one sentence."""
    path = tmp_path / "mien.toml"
    text = str(value) if isinstance(value, float) else msgspec.json.encode(value).decode()
    path.write_text(f"[camera]\n{key} = {text}\n", encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        load(path)
    assert re.fullmatch(rf".*camera\.{key}: .*{re.escape(match)}.*\.", str(refused.value))


def test_right_values_are_read(tmp_path: Path) -> None:
    """Whole numbers may be written without a point."""
    path = tmp_path / "mien.toml"
    path.write_text('[camera]\nsource = "picamera:1"\nzoom = 2\nfocus = 1\nexposure = -0.5\n', encoding="utf-8")
    assert load(path).camera == CameraConfig(source="picamera:1", zoom=2.0, focus=1.0, exposure=-0.5)
