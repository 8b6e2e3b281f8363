"""No secret and nothing private leaves the machine."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.config import Config, MqttConfig, MusicConfig, SpotifyConfig
from mien.doctor.masking import MASK, Masker, mask_config, open_masker
from mien.doctor.subject import open_subject
from tests.fakes.machine import FakeMachine

secrets = st.text(st.characters(exclude_characters="*", codec="utf-8"), min_size=4, max_size=30)


@given(st.lists(secrets, min_size=1, max_size=5), st.data())
def test_no_secret_is_left(some: list[str], data: st.DataObject) -> None:
    """Whatever stands around it, and whichever contains another."""
    text = "".join(data.draw(st.text(max_size=10)) + data.draw(st.sampled_from(some)) for _ in range(4))
    masked = Masker(some).mask(text)
    assert [secret for secret in some if secret in masked] == []


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("mqtt://anna:canary@pi.local:1883", "mqtt://***@pi.local:1883"),
        ("Authorization: Bearer canary.x", "Authorization: Bearer ***"),
        ("password=canary and more", "password=*** and more"),
        ("refresh_token=canary", "refresh_token=***"),
        ("/home/anna/mien.toml", "~/mien.toml"),
        ("nothing to mask", "nothing to mask"),
    ],
)
def test_forms_of_secrets(text: str, masked: str) -> None:
    """Where it is not known which they are; a home folder is only private."""
    assert Masker([]).mask_private(text) == masked


def test_a_short_secret_does_not_tear_words() -> None:
    """"mi" is in every line."""  # fmt: skip
    assert Masker(["mi", ""]).mask("mien") == "mien"


def test_the_configuration_keeps_what_explains_a_fault() -> None:
    """Numbers, choices and paths; names, addresses and secrets are masked where they are set."""
    config = Config(
        mqtt=MqttConfig(
            host="canary.local", username="canary", password_file="/home/canary/pw", tls=True, area="canary"
        ),
        spotify=SpotifyConfig(client_id="canary0123456789"),
        music=MusicConfig(playlists={"happy": "spotify:playlist:canary"}, quiet_hours="22:30-07:00"),
        camera=msgspec.structs.replace(Config().camera, source="/home/canary/film.mp4", focus="auto"),
    )
    text = mask_config(config, Masker([]))
    assert "canary" not in text
    for line in (f'host = "{MASK}"', "tls = true", 'source = "~/film.mp4"', 'focus = "auto"', 'node = ""', "port = 0"):
        assert line in text.splitlines()
    for line in (f'playlists = "{MASK}"', 'quiet_hours = "22:30-07:00"', 'name = "Mien"', 'language = "en"'):
        assert line in text.splitlines()


@pytest.mark.parametrize(
    "line",
    [
        '[mqtt]\nhost = "a"\nusername = "b"\npassword_file = "FILE"',
        '[mqtt]\nhost = "a"\nusername = "b"\npassword_file = "canary horse"',
        '[mqtt]\nhost = "a"\npassword = "canary horse"',
        '[spotify]\nclient_id = "canary horse"',
        '[spotify]\nclient_secret = "canary horse"',
        'token = "canary horse"',
        '[[secrets]]\na = ["canary horse"]',
        "",
    ],
)
def test_every_place_of_a_secret_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    """In files that the configuration names, in the token, in the credential, and under keys that do not exist."""
    state = tmp_path / "state"
    state.mkdir()
    monkeypatch.setenv("STATE_DIRECTORY", str(state))
    (tmp_path / "pw").write_text("canary horse\n")
    token = {"access_token": "canary access", "refresh_token": "canary refresh", "scope": "user-read"}
    (state / "spotify-token.json").write_text(json.dumps(token))
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "mqtt-password").write_text("canary credential")
    path = tmp_path / "mien.toml"
    path.write_text(line.replace("FILE", str(tmp_path / "pw")) + "\n")
    masker = open_masker(open_subject(path, FakeMachine(tmp_path)))
    texts = ["canary access", "canary refresh", "canary credential", *(["canary horse"] if line else [])]
    assert "canary" not in masker.mask("; ".join(texts))
    assert masker.mask("user-read") == "user-read"


def test_files_that_cannot_be_read_are_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder in the place of a token, a configuration that is not TOML, a home that is not known."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    (tmp_path / "spotify-token.json").mkdir()
    path = tmp_path / "mien.toml"
    for text in ("[[[", '[mqtt]\npassword_file = "~nobody-of-that-name/pw"\n', '[mqtt]\npassword_file = "/dev/zero"\n'):
        path.write_text(text)
        assert open_masker(open_subject(path, FakeMachine(tmp_path))).mask("text") == "text"
