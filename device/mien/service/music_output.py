"""Music as an output: joins catalogue, recommender, Spotify and player in one thread that nobody waits for."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

from mien.clock import Clock
from mien.config import Config, Intent
from mien.errors import MienError
from mien.events import Event, Mood
from mien.music.catalog.catalog import Catalog, default_path
from mien.music.dj.dj import Dj
from mien.music.dj.track_source import CatalogTrackSource
from mien.music.players.spotify.client import SpotifyClient
from mien.music.players.spotify.status import SpotifyState, Status
from mien.music.players.spotify.store import TokenStore
from mien.state import state_directory

AGAIN = 300.0
"""Seconds until the player is set up anew after something unexpected."""

STOP_SECONDS = 12.0
"""How long to wait for a request that is under way, when mien ends: a little more than a request may take."""

SOON = 21
"""Days before the consent's end at which a start says so."""

log = logging.getLogger("mien.music")


@dataclass(frozen=True, slots=True)
class NowPlaying:
    """What plays by mien's hand, why, and how things stand. until: seconds since 1970, where that is known."""

    title: str
    artist: str
    uri: str
    why: str
    state: SpotifyState
    sentence: str
    until: float | None


class MusicOutput:
    """Takes events without ever waiting: of moods only the latest counts, of commands the last eight.

    `play` makes the player in the thread that uses it: SQLite wants that, and a broken catalogue must not stop mien.
    """

    def __init__(self, play: Callable[[], Iterator[Dj]]) -> None:
        self._play = contextmanager(play)
        self._news = threading.Condition()
        self._mood: Mood | None = None
        self._commands: deque[Callable[[Dj], None]] = deque(maxlen=8)
        self._stopped = False
        ready = Status.of(SpotifyState.READY)
        self._now = NowPlaying("", "", "", "", ready.state, ready.sentence, None)
        self._thread = threading.Thread(target=self._run, name="music", daemon=True)
        self._thread.start()

    def handle(self, event: Event) -> None:
        """Take one event."""
        if isinstance(event, Mood):
            with self._news:
                self._mood = event
                self._news.notify()

    def skip(self) -> None:
        """Another song, at once."""
        self._command(lambda player: player.skip())

    def set_intent(self, intent: Intent) -> None:
        """From the next song on."""
        self._command(lambda player: player.set_intent(intent))

    def set_enabled(self, enabled: bool) -> None:
        """Off leaves the song that plays alone and adds none."""
        self._command(lambda player: player.set_enabled(enabled))

    @property
    def now(self) -> NowPlaying:
        """The latest known, at once."""
        return self._now

    def alive(self) -> bool:
        """True while the thread lives, as it always should."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Stop. The song that plays goes on: mien may only be starting anew."""
        with self._news:
            self._stopped = True
            self._news.notify()
        self._thread.join(STOP_SECONDS)

    def _command(self, command: Callable[[Dj], None]) -> None:
        with self._news:
            self._commands.append(command)
            self._news.notify()

    def _run(self) -> None:
        last = ""
        while not self._stopped:
            try:
                with self._play() as player:
                    self._work(player)
            except Exception as error:  # the other outputs must go on, whatever happened here
                text = str(error) if isinstance(error, MienError) else f"unexpected {type(error).__name__}: {error}"
                if text != last:
                    log.error("Music stands still: %s", text)  # noqa: TRY400 # a sentence, no traceback
                    last = text
                self._now = NowPlaying("", "", "", "", SpotifyState.NOTHING_TO_PLAY, text, None)
                with self._news:
                    self._news.wait_for(lambda: self._stopped, AGAIN)

    def _work(self, player: Dj) -> None:
        while True:
            wait = player.step()
            self._now = _now(player)
            with self._news:
                self._news.wait_for(lambda: self._stopped or self._mood or self._commands, wait)
                if self._stopped:
                    return
                mood, self._mood = self._mood, None
                commands = list(self._commands)
                self._commands.clear()
            if mood is not None:
                player.set_mood(mood)
            for command in commands:
                command(player)


def players(config: Config, clock: Clock | None = None) -> Iterator[Dj]:
    """One player on the user's catalogue and Spotify account."""
    spotify = SpotifyClient(config.spotify, TokenStore(state_directory()), clock)
    days = spotify.consent_days_left()
    if days is not None and days < SOON:
        log.warning("The consent to Spotify ends in %d days: run 'mien spotify login' before that.", days)
    with Catalog(default_path()) as catalog:
        selector = CatalogTrackSource(config.music, catalog, spotify, clock)
        yield Dj(config.music, config.spotify.device, spotify, selector, clock)


@contextmanager
def open_music_output(config: Config) -> Iterator[MusicOutput]:
    """Yield the music output of a configuration, and stop it at the end."""
    with closing(MusicOutput(lambda: players(config))) as music_output:
        yield music_output


def _now(player: Dj) -> NowPlaying:
    song, problem = player.now_playing, player.problem
    if song is None:
        return NowPlaying("", "", "", "", problem.state, problem.sentence, problem.until)
    return NowPlaying(song.title, song.artist, song.uri, song.why, problem.state, problem.sentence, problem.until)
