"""`mien play`: the parsing of rooms, and music to one mood."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest

from mien.commands import play
from mien.commands.play import parse_rooms
from mien.errors import UsageError
from mien.service.music_output import NowPlaying
from tests.conftest import Outcome
from tests.fakes.spotify_client import add_starter_songs
from tests.fakes.spotify_server import SpotifyServer


def test_rooms_are_checked() -> None:
    """ROOM=NODE,NODE gives rooms; anything else raises a UsageError."""
    assert parse_rooms(["living room=pi1,pi2", "hall=pi3"]) == {
        "pi1": "living room",
        "pi2": "living room",
        "pi3": "hall",
    }
    for wrong in ("kitchen", "=pi", "kitchen=", "kitchen=Pi", "kitchen=a/b", "kitchen=+"):
        with pytest.raises(UsageError):
            parse_rooms([wrong])
    with pytest.raises(UsageError):
        parse_rooms(["a=pi", "b=pi"])


def test_play_for_a_mood_that_a_person_names(
    logged_in: Path, server: SpotifyServer, mien: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`mien play --mood sad` prints the song that plays and why, without a camera, until it is stopped."""
    add_starter_songs(server)
    shown: list[str] = []
    print_now = play._print_now

    def noted(now: NowPlaying) -> None:
        print_now(now)
        shown.append(now.uri)

    monkeypatch.setattr(play, "_print_now", noted)
    monkeypatch.setattr(play, "stop_signals", lambda: contextlib.nullcontext(lambda: any(shown)))
    outcome = mien("play", "--mood", "sad", "--config", logged_in)
    assert outcome.code == 0
    (start,) = server.spotify.starts
    title = server.spotify.tracks[start.uri]["name"]
    assert f"{title} by " in outcome.out
    assert "sad (100%)" in outcome.out
