"""`mien play --mood`: music for a mood that a person names, without a camera."""

from __future__ import annotations

import threading
from contextlib import closing

import msgspec

from mien.config import Config
from mien.errors import ConfigError
from mien.events import Mood, certain
from mien.expression import Expression
from mien.music.players.spotify.status import LASTING, Problem, SpotifyError
from mien.music.recommend.ranker import Intent
from mien.service.jukebox import Jukebox, Now, players
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
    wanted = msgspec.structs.replace(config, music=music)
    with stop_signals() as stopped, closing(Jukebox(lambda: players(wanted))) as jukebox:
        jukebox.set_enabled(True)
        jukebox.handle(Mood(expression, 1.0, certain(expression), 0.0))
        said: Now | None = None
        while not stopped():
            now = jukebox.now
            if said is None or (now.uri, now.sentence) != (said.uri, said.sentence):
                _say(now)
                said = now
            if now.state in LASTING:
                raise SpotifyError(Problem(now.state, now.sentence))
            threading.Event().wait(_LOOK)


def _say(now: Now) -> None:
    if now.uri:
        print(f"{now.title} by {now.artist}\n    {now.why}", flush=True)
    elif now.state not in LASTING:
        print(f"({now.sentence})", flush=True)
