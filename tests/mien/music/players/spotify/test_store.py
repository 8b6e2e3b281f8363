"""Damaged files and full disks."""

from __future__ import annotations

import json
import os
from pathlib import Path

import msgspec
import pytest

from mien.music.players.spotify.status import SpotifyState
from mien.music.players.spotify.store import Token, TokenStore
from tests.fakes.spotify_client import error_of, open_client
from tests.fakes.spotify_server import SpotifyServer


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"client_id": 1}', "\xff\x00", "[" * 100_000])
def test_a_damaged_token_file_means_not_logged_in(server: SpotifyServer, tmp_path: Path, text: str) -> None:
    """Whatever the file contains, a login is needed."""
    (tmp_path / "spotify-token.json").write_text(text, encoding="latin-1")
    assert error_of(open_client(server, TokenStore(tmp_path)).me) == (SpotifyState.NOT_LOGGED_IN, True)


def test_the_store_survives_a_full_disk(store: TokenStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A token that cannot be written leaves the old one whole, and no litter."""
    token = Token("c" * 32, "a", "r", "s", 1.0, 2.0)
    store.save_token(token)

    def full(_file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Exception, match="No space left"):
        store.save_token(msgspec.structs.replace(token, access_token="new"))
    assert store.token() == token
    assert [json.loads(file.read_text())["access_token"] for file in (tmp_path / "state").iterdir()] == ["a"]
