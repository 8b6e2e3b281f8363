"""`mien play --mood`: music for a mood that a person names, without a camera."""

from __future__ import annotations

import threading

import msgspec

from mien.config import Config, Intent
from mien.errors import ConfigError
from mien.events import Mood, certain
from mien.expression import Expression
from mien.music.players.spotify.status import NEEDS_PERSON, SpotifyError, Status
from mien.service.music_output import NowPlaying, open_music_output
from mien.service.signals import stop_signals

_LOOK = 0.2  # seconds


def play_mood(config: Config, expression: Expression, intent: Intent | None) -> None:
    """Play until SIGTERM or SIGINT, and say each song and each state. SpotifyError where only a person can help."""
    if not config.spotify.client_id:
        raise ConfigError("[spotify] client_id is missing: put the client id of your own Spotify app there.")
    # A person has said it, so it need not hold first; quiet hours are for moods that are only seen.
    music = msgspec.structs.replace(
        config.music, dwell=0.0, cooldown=0.0, quiet_hours="", intent=intent or config.music.intent
    )
    with stop_signals() as stopped, open_music_output(music, config.spotify) as music_output:
        music_output.set_enabled(True)
        music_output.handle(Mood(expression, 1.0, certain(expression), 0.0))
        said: NowPlaying | None = None
        while not stopped():
            now = music_output.now
            if said is None or (now.uri, now.sentence) != (said.uri, said.sentence):
                _say(now)
                said = now
            if now.state in NEEDS_PERSON:
                raise SpotifyError(Status(now.state, now.sentence))
            threading.Event().wait(_LOOK)


def _say(now: NowPlaying) -> None:
    if now.uri:
        print(f"{now.title} by {now.artist}\n    {now.why}", flush=True)
    elif now.state not in NEEDS_PERSON:
        print(f"({now.sentence})", flush=True)
