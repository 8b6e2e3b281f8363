"""Play music to the moods: joins catalogue, recommender, Spotify and DJ in a thread that nothing waits for."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass

from mien.clock import Clock
from mien.config import Intent, MusicConfig, SpotifyConfig
from mien.errors import MienError
from mien.events import Event, Mood
from mien.music.catalog.catalog import Catalog, default_path
from mien.music.dj.dj import Dj
from mien.music.dj.track_source import CatalogTrackSource
from mien.music.players.spotify.client import SpotifyClient
from mien.music.players.spotify.status import SpotifyState, Status
from mien.music.players.spotify.store import TokenStore
from mien.state import state_directory

RESTART_DELAY = 300.0
"""Seconds until the DJ is opened again after an unexpected error."""

JOIN_TIMEOUT = 12.0
"""Seconds to wait at the end for a request in progress: a little more than a request may take."""

CONSENT_WARNING = 21
"""Days before the end of the consent from which a start logs a warning."""

log = logging.getLogger("mien.music")


@dataclass(frozen=True, slots=True)
class NowPlaying:
    """The song that mien plays, and the status of the player. title is empty where mien plays none.

    until: the end of the status in seconds since 1970, where that is known.
    """

    title: str
    artist: str
    uri: str
    why: str
    state: SpotifyState
    sentence: str
    until: float | None


class MusicOutput:
    """Takes events without ever waiting: the DJ gets only the latest mood and the last eight commands.

    `open_dj` is called in the thread that uses the DJ: SQLite wants that, and a broken catalogue must not stop mien.
    """

    def __init__(self, open_dj: Callable[[], AbstractContextManager[Dj]]) -> None:
        self._open_dj = open_dj
        self._changed = threading.Condition()
        self._mood: Mood | None = None
        self._commands: deque[Callable[[Dj], None]] = deque(maxlen=8)
        self._stopped = False
        self._now = _without_song(Status.of(SpotifyState.READY))
        self._thread = threading.Thread(target=self._run, name="music", daemon=True)
        self._thread.start()

    def handle(self, event: Event) -> None:
        """Take one event."""
        if isinstance(event, Mood):
            with self._changed:
                self._mood = event
                self._changed.notify()

    def skip(self) -> None:
        """Play another song at once."""
        self._command(lambda dj: dj.skip())

    def set_intent(self, intent: Intent) -> None:
        """Set the intent from the next song on."""
        self._command(lambda dj: dj.set_intent(intent))

    def set_enabled(self, enabled: bool) -> None:
        """Switch the music on or off; off leaves the song that plays, and adds none."""
        self._command(lambda dj: dj.set_enabled(enabled))

    @property
    def now(self) -> NowPlaying:
        """Return the state after the DJ's last step, without waiting."""
        return self._now

    def alive(self) -> bool:
        """Return whether the thread runs, as it always should."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Stop. The song that plays goes on: mien may only be restarting."""
        with self._changed:
            self._stopped = True
            self._changed.notify()
        self._thread.join(JOIN_TIMEOUT)

    def _command(self, command: Callable[[Dj], None]) -> None:
        with self._changed:
            self._commands.append(command)
            self._changed.notify()

    def _run(self) -> None:
        last_error = ""
        while not self._stopped:
            try:
                with self._open_dj() as dj:
                    self._drive(dj)
            except Exception as error:  # the other outputs must go on, whatever happened here
                text = str(error) if isinstance(error, MienError) else f"unexpected {type(error).__name__}: {error}"
                if text != last_error:
                    log.error("Music stopped: %s", text)  # noqa: TRY400 # a sentence, no traceback
                    last_error = text
                self._now = _without_song(Status(SpotifyState.NOTHING_TO_PLAY, text))
                with self._changed:
                    self._changed.wait_for(lambda: self._stopped, RESTART_DELAY)

    def _drive(self, dj: Dj) -> None:
        """Step the DJ, and pass moods and commands to it, until `close`."""
        while True:
            wait = dj.step()
            self._now = _now_playing(dj)
            with self._changed:
                self._changed.wait_for(lambda: self._stopped or self._mood or self._commands, wait)
                if self._stopped:
                    return
                mood, self._mood = self._mood, None
                commands = list(self._commands)
                self._commands.clear()
            if mood is not None:
                dj.set_mood(mood)
            for command in commands:
                command(dj)


@contextmanager
def open_dj(music: MusicConfig, spotify: SpotifyConfig, clock: Clock | None = None) -> Iterator[Dj]:
    """Yield a DJ on the user's catalogue and Spotify account. Raises InputError where the catalogue cannot be used."""
    client = SpotifyClient(spotify, TokenStore(state_directory()), clock)
    days = client.consent_days_left()
    if days is not None and days < CONSENT_WARNING:
        log.warning("The consent to Spotify ends in %d days: run 'mien spotify login' before that.", days)
    with Catalog(default_path()) as catalog:
        tracks = CatalogTrackSource(music, catalog, client, clock)
        yield Dj(music, spotify.device, client, tracks, clock)


@contextmanager
def open_music_output(music: MusicConfig, spotify: SpotifyConfig) -> Iterator[MusicOutput]:
    """Yield the music output of a configuration, and stop it at the end."""
    with closing(MusicOutput(lambda: open_dj(music, spotify))) as music_output:
        yield music_output


def _now_playing(dj: Dj) -> NowPlaying:
    song, status = dj.now_playing, dj.status
    if song is None:
        return _without_song(status)
    return NowPlaying(song.title, song.artist, song.uri, song.why, status.state, status.sentence, status.until)


def _without_song(status: Status) -> NowPlaying:
    return NowPlaying("", "", "", "", status.state, status.sentence, status.until)
