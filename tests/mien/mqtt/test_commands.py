"""Commands: parsing, execution and refusals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.config import MoodConfig, VisionConfig
from mien.controls import DEFAULT_PERSON, Controls
from mien.mqtt import commands
from mien.mqtt.payloads import SettingsPayload


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


def test_a_name_or_a_press_starts_learning() -> None:
    """A button's PRESS stands for the default name; a name has printable characters, 40 at most."""

    def name(payload: bytes) -> object:
        return commands.parse("mien/x/learn/set", payload, retained=False).value

    assert [name(text) for text in (b"PRESS", b"Ann", "Zoë B.".encode())] == [DEFAULT_PERSON, "Ann", "Zoë B."]
    for wrong in (b" ", b"Ann ", b"\x1b", b"A" * 41, b"Ann\n"):
        with pytest.raises(commands.CommandError):
            name(wrong)


def test_settings_are_changed_and_saved() -> None:
    """Detection, threshold and profile are set and saved; a restart is requested of the daemon."""
    controls, saved = Controls(VisionConfig(), MoodConfig()), list[SettingsPayload]()
    handler = commands.CommandHandler(controls, None, saved.append)
    for name, payload in (("detection", b"OFF"), ("threshold", b"60"), ("profile", b"eco"), ("restart", b"PRESS")):
        handler.handle(f"mien/x/{name}/set", payload, retained=False)
    assert saved[-1] == SettingsPayload(detection=False, threshold=0.6, profile="eco")
    assert len(saved) == 3
    assert controls.stopping == "restart"


def test_refusals_are_logged_a_few_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    """After ten refusals in a minute one line announces the silence; a minute later refusals are logged again."""
    now = [0.0]
    handler = commands.CommandHandler(
        Controls(VisionConfig(), MoodConfig()), None, lambda _settings: None, lambda: now[0]
    )
    for _ in range(30):
        handler.handle("mien/x/music/set", b"ON", retained=False)
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 11
    assert "music is not on here" in lines[0]
    assert "not logged for a minute" in lines[-1]
    now[0] = 61.0
    handler.handle("mien/x/music/set", b"ON", retained=False)
    assert len(caplog.records) == 12
