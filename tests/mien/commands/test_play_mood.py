"""`mien play --mood`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest

from mien.commands import play_mood
from mien.service.music_output import NowPlaying
from tests.conftest import Outcome
from tests.fakes.spotify_client import add_starter_songs
from tests.fakes.spotify_server import SpotifyServer


def test_play_for_a_mood_that_a_person_names(
    logged_in: Path, server: SpotifyServer, mien: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`mien play --mood sad` prints the song that plays and why, without a camera, until it is stopped."""
    add_starter_songs(server)
    shown: list[str] = []
    say = play_mood._say

    def noted(now: NowPlaying) -> None:
        say(now)
        shown.append(now.uri)

    monkeypatch.setattr(play_mood, "_say", noted)
    monkeypatch.setattr(play_mood, "stop_signals", lambda: contextlib.nullcontext(lambda: any(shown)))
    outcome = mien("play", "--mood", "sad", "--config", logged_in)
    assert outcome.code == 0
    (start,) = server.spotify.starts
    title = server.spotify.tracks[start.uri]["name"]
    assert f"{title} by " in outcome.out
    assert "sad (100%)" in outcome.out
