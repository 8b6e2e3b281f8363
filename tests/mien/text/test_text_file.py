"""Small text files, whatever the editor put before the first letter."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.config import MqttConfig
from mien.config_file import load
from mien.errors import ConfigError
from mien.mqtt.broker import BrokerSettings
from mien.text.text_file import decode

UTF8 = codecs.BOM_UTF8


@given(st.text(st.characters(exclude_characters="\0\ufeff", exclude_categories=["Cs"])), st.sampled_from([b"", UTF8]))
def test_a_mark_never_matters(text: str, mark: bytes) -> None:
    """UTF-8 is read, with its byte order mark and without."""
    assert decode(mark + text.encode()) == text


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("a = 1\n".encode("utf-16"), "is UTF-16 text: save it as UTF-8"),
        ("a = 1\n".encode("utf-32"), "is UTF-32 text: save it as UTF-8"),
        ("a = 1\n".encode("utf-16-le"), "UTF-16 without a byte order mark: save it as UTF-8"),
        ("a = 1\nb = 'ü'\n".encode("cp1252"), r"is not UTF-8 text \(line 2\): save it as UTF-8"),
    ],
)
def test_other_encodings_are_refused_by_name(tmp_path: Path, content: bytes, sentence: str) -> None:
    """In configurations and in password files: one sentence with the encoding to choose."""
    path = tmp_path / "file"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(ConfigError, match=sentence):
        load(path)
    with pytest.raises(ConfigError, match=sentence):
        BrokerSettings.from_config(MqttConfig(host="h", username="u", password_file=str(path)))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_marks_and_line_ends_of_a_configuration_and_of_a_password(tmp_path: Path, end: str) -> None:
    """What Notepad and old editors of the Mac save is read like any other."""
    path = tmp_path / "file"
    path.write_bytes(UTF8 + f"[camera]{end}zoom = 2{end}".encode())
    assert load(path).camera.zoom == 2
    path.write_bytes(UTF8 + f"geheim ü{end}".encode())
    path.chmod(0o600)
    assert (
        BrokerSettings.from_config(MqttConfig(host="h", username="u", password_file=str(path))).password == "geheim ü"
    )
