"""The HTTP session: what requests would add to a request by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from mien.music.players.spotify.client import SpotifyClient


def test_a_password_in_netrc_does_not_replace_the_token(
    spotify: SpotifyClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """requests would send it in the token's place."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login x password y\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert spotify.me().id == "ada"
