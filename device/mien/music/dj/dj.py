"""Decide when to play what: seldom, late, and never against a person. Has no thread: call `step` when it is due."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from mien.clock import Clock
from mien.config import Intent, MusicConfig
from mien.errors import MienError
from mien.events import Mood
from mien.music.dj.mood_filter import MoodDebouncer
from mien.music.dj.retry import RetryState
from mien.music.dj.song_control import SongControl, SongRequest
from mien.music.dj.song_tracker import SongTracker
from mien.music.dj.songs import PlayableSong, SentSongs, TrackSource
from mien.music.dj.timing import POLL_INTERVAL, PollSchedule
from mien.music.players.base import Playback, Player
from mien.music.players.spotify.status import SpotifyError, SpotifyState, Status

log = logging.getLogger("mien.music")


@dataclass
class _Controls:
    """What a person set."""

    intent: Intent
    enabled: bool = True
    skip: bool = False


class Dj:
    """Turns moods into songs on one device. Every method is called from one thread.

    The playback is polled before every command, and a song that was sent is never sent again, even where the response
    was lost: so no song can start twice, and none is cut short but by the rules. device: name or id of the device;
    empty for the active one. draw: a random number of 0 to 1 for the jitter of retries.
    """

    def __init__(
        self,
        config: MusicConfig,
        device: str,
        player: Player,
        tracks: TrackSource,
        clock: Clock | None = None,
        *,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._config, self._player, self._clock = config, player, clock or Clock()
        self._mood = MoodDebouncer(config.dwell, config.cooldown)
        self._controls = _Controls(config.intent)
        self._sent = SentSongs()
        self._tracker = SongTracker(self._sent, tracks)
        self._control = SongControl(player, tracks, self._sent, device=device, volume=config.volume)
        self._schedule = PollSchedule()
        self._retry = RetryState(self._clock, draw)

    @property
    def now_playing(self) -> PlayableSong | None:
        """Return the song of mien's that plays; None while it plays none of its own."""
        return self._sent.current.song if self._sent.current else None

    @property
    def status(self) -> Status:
        """Return the status of the player after the last poll."""
        return self._retry.status

    def set_mood(self, mood: Mood) -> None:
        """Take a mood, or that there is no face."""
        before = self._mood.situation
        self._mood.update(mood, self._clock.steady())
        self._poll_on_change(before)

    def set_intent(self, intent: Intent) -> None:
        """Set the intent from the next song on."""
        self._controls.intent = intent

    def set_enabled(self, enabled: bool) -> None:
        """Switch the music on or off.

        Off adds no more songs, and leaves the one that plays. On also ends a takeover pause, since a person chose it.
        """
        self._controls.enabled = enabled
        if enabled:
            self._schedule.end_takeover()
            self._tracker.accept_foreign()

    def skip(self) -> None:
        """Play another song at once; this may interrupt, since a person chose it."""
        self._controls.skip = True
        self._schedule.end_takeover()

    def step(self) -> float:
        """Do what is due, and return the seconds until the next step. Errors of the player become its status."""
        now, before = self._clock.steady(), self._mood.situation
        change_in = self._mood.advance(now)
        self._poll_on_change(before)
        if now >= self._schedule.next_poll(self._retry.retry_at):
            self._schedule.due_at = now + self._poll_and_act(now)
        return max(0.1, min(self._schedule.next_poll(self._retry.retry_at) - now, change_in))

    def _poll_on_change(self, before: tuple[int, bool]) -> None:
        """Act on a new mood at once in silence, or where it may interrupt; else when the song ends."""
        matters = self._sent.current is None or self._config.interrupt or self._config.pause_when_absent
        if self._mood.situation != before and matters:
            self._schedule.poll_now()

    def _poll_and_act(self, now: float) -> float:
        """Poll once, send at most one song, and return the seconds until the next poll."""
        if now < self._schedule.takeover_until:
            return self._schedule.takeover_until - now
        if self._sent.current is None and not self._wants_music() and not self._controls.skip:
            return POLL_INTERVAL
        self._schedule.polled_at = now
        try:
            playback = self._player.playback()
            result = self._tracker.observe(playback, self._mood.target, now)
            if result.takeover:
                wait = self._begin_takeover_pause(result.takeover, now)
            else:
                wait = result.wait or self._act(playback, now)
        except SpotifyError as error:
            return self._retry.record_error(error.status, now)
        except MienError as error:  # the catalogue
            return self._retry.record_error(Status.of(SpotifyState.NOTHING_TO_PLAY, str(error)), now)
        self._retry.record_success()
        return wait

    def _begin_takeover_pause(self, action: str, now: float) -> float:
        seconds = self._config.takeover_pause
        self._schedule.takeover_until = now + seconds
        log.warning("A person %s: mien leaves the music alone for %.0f minutes.", action, seconds / 60)
        return seconds

    def _act(self, playback: Playback | None, now: float) -> float:
        """Send at most one song, by the rules; return the seconds until the next poll."""
        target, current = self._mood.target, self._sent.current
        playing = playback if playback is not None and playback.is_playing else None
        if target is None or not (self._wants_music() or self._controls.skip):
            if self._is_absent():
                self._control.pause(playing)
            return POLL_INTERVAL
        request = SongRequest(target, self._controls.intent, now)
        if self._controls.skip:
            self._controls.skip = False
            return self._control.skip(playing, request)
        if playing is None:
            return self._control.begin(playback, request)
        if self._config.interrupt and current is not None and current.target.number != target.number:
            return self._control.start(playing.device.id, request)
        return self._control.follow(playing, request)

    def _wants_music(self) -> bool:
        is_quiet = in_quiet_hours(self._config.quiet_hours, self._clock.wall())
        return self._controls.enabled and self._mood.target is not None and not self._is_absent() and not is_quiet

    def _is_absent(self) -> bool:
        return self._mood.absent and self._config.pause_when_absent


def in_quiet_hours(span: str, now: float) -> bool:
    """Return whether a time lies in the span "HH:MM-HH:MM" of the local day, which may pass midnight.

    now: seconds since 1970. An empty span contains no time.
    """
    if not span:
        return False
    start, end = span.split("-")
    time = f"{datetime.fromtimestamp(now).astimezone():%H:%M}"
    return start <= time < end if start <= end else time >= start or time < end
