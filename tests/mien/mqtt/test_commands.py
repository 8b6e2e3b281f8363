"""The parsing of commands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.mqtt import commands


@given(st.sampled_from(sorted(commands.PARSERS)) | st.text(max_size=20), st.binary(max_size=80), st.booleans())
def test_any_message_gives_a_valid_command_or_an_error(name: str, payload: bytes, retained: bool) -> None:
    """Any topic and bytes give a checked command or CommandError; a retained message never gives a command."""
    refusal = ""
    try:
        command = commands.parse(f"mien/x/{name}/set", payload, retained=retained)
    except commands.CommandError as error:
        refusal = str(error)
    assert refusal.isprintable()
    if not refusal:
        assert not retained
        assert command.name in commands.PARSERS
        assert isinstance(command.value, str | bool) or 0.30 <= command.value <= 0.99


@pytest.mark.parametrize("text", ["", "29", "100", "nan", "inf", "1e9", "6_0", "sixty", "٦٠", "-50", "60" * 40, "{}"])
def test_thresholds_out_of_range_are_refused(text: str) -> None:
    """Only a number from 30 to 99 is a threshold."""
    with pytest.raises(commands.CommandError):
        commands.parse("mien/x/threshold/set", text.encode(), retained=False)


def test_valid_commands_are_parsed() -> None:
    """Payloads as Home Assistant sends them give their values."""
    valid = {"detection": b"OFF", "threshold": b"60.0", "profile": b"eco", "restart": b"PRESS", "music": b"ON"}
    values = [commands.parse(f"mien/x/{name}/set", text, retained=False).value for name, text in valid.items()]
    assert values == [False, 0.6, "eco", "PRESS", True]
