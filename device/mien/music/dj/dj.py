"""When to act on Spotify: seldom, late, and never against a person. Has no thread: `step` is called when it is due."""

from __future__ import annotations

import contextlib
import logging
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from mien.clock import Clock
from mien.config import Intent, MusicConfig
from mien.errors import MienError
from mien.events import Mood
from mien.music.dj.mood_filter import MoodDebouncer, TargetMood
from mien.music.dj.playback_diff import PlaybackChange, PlaybackSnapshot, what_happened
from mien.music.dj.quiet import is_quiet
from mien.music.players.spotify.models import Item, Playback, PlayerDevice
from mien.music.players.spotify.status import SpotifyError, SpotifyState, Status

LOOK = 30.0
"""Seconds between looks at what plays: 120 an hour. A skip or a hand at the volume is noticed within that time."""

AHEAD = 20.0
"""The next song is chosen and queued so many seconds before the end, so that it fits the mood of then."""

SETTLE = 5.0
"""Spotify's own state lags behind its commands by a second or two."""

STARTING = 20.0
"""Seconds within which a song that was started must be seen to play."""

FORGOTTEN = 900.0
"""Seconds after which a queued song that never came is given up."""

_RETRY: dict[SpotifyState, float] = {SpotifyState.NO_DEVICE: 5.0, SpotifyState.OFFLINE: 15.0}
_RETRY_FIRST, _RETRY_MOST = 60.0, 300.0

log = logging.getLogger("mien.music")


@dataclass(frozen=True, slots=True)
class PlayableSong:
    """A song that Spotify can play, and why it was chosen. track: what the chooser knows it by."""

    uri: str
    title: str
    artist: str
    why: str
    track: Any = None


@dataclass(frozen=True, slots=True)
class SentSong:
    """A song that mien sent to Spotify. look: when it was last seen to play, None until then."""

    song: PlayableSong
    served: TargetMood
    sent: float
    look: PlaybackSnapshot | None = None


class Player(Protocol):
    """What the player asks of Spotify; each may raise SpotifyError."""

    def playback(self) -> Playback | None:
        """What plays now."""

    def devices(self) -> list[PlayerDevice]:
        """Where music can play."""

    def play(self, uri: str | None, device_id: str | None) -> None:
        """Start a track, or go on."""

    def queue(self, uri: str) -> None:
        """Add the next track."""

    def pause(self, device_id: str | None) -> None:
        """Pause."""

    def volume(self, percent: int, device_id: str | None) -> None:
        """Set the volume."""


class TrackSource(Protocol):
    """Chooses songs, and learns how they were received."""

    def next(self, served: TargetMood, intent: Intent) -> PlayableSong | None:
        """A song that was not sent lately; None if there is none. May raise SpotifyError."""

    def sent(self, song: PlayableSong, served: TargetMood) -> None:
        """The song was sent to Spotify, or may have been: it must not come again soon."""

    def known(self, item: Item) -> PlayableSong | None:
        """The song, if it was sent a short while ago, perhaps before a restart."""

    def heard(self, song: PlayableSong, served: TargetMood, share: float) -> None:
        """So much of it was heard, 0 to 1."""


class Dj:
    """Turns moods into songs on one device. Every method is called from one thread.

    A look at what plays comes before every command, and a song that was sent is never sent again, even where the answer
    was lost: so no song can start twice, and none is cut short but by the rules.
    """

    def __init__(
        self, config: MusicConfig, device: str, spotify: Player, songs: TrackSource, clock: Clock | None = None
    ) -> None:
        self._config, self._device = config, device
        self._spotify, self._songs, self._clock = spotify, songs, clock or Clock()
        self._feeling = MoodDebouncer(config.dwell, config.cooldown)
        self._intent: Intent = config.intent
        self._enabled = True
        self._skip = False
        self._current: SentSong | None = None  # the song that plays
        self._queued: SentSong | None = None  # the one that follows it
        self._paused: SentSong | None = None  # the one that mien paused while nobody was there
        self._known = False  # what plays is not ours, but no news either
        self._takeover_until = self._due = self._looked = self._trouble_until = -math.inf
        self._troubles = 0
        self.problem = Status.of(SpotifyState.READY)

    @property
    def now_playing(self) -> PlayableSong | None:
        """The song that mien plays; None while it plays nothing of its own."""
        return self._current.song if self._current else None

    def set_mood(self, mood: Mood) -> None:
        """Take in a mood, or that nobody is there."""
        before = self._situation()
        self._feeling.update(mood, self._clock.steady())
        self._hurry_if_new(before)

    def set_intent(self, intent: Intent) -> None:
        """From the next song on."""
        self._intent = intent

    def set_enabled(self, enabled: bool) -> None:
        """Off adds no more songs, and leaves the one that plays; on also ends a person's take-over: a person asked."""
        self._enabled = enabled
        if enabled:
            self._takeover_until = self._due = -math.inf
            self._known = True

    def skip(self) -> None:
        """Another song at once: a person asked, so this may interrupt."""
        self._skip = True
        self._takeover_until = self._due = -math.inf

    def step(self) -> float:
        """Do what is due; the seconds until the next step. What Spotify does or does not never comes out of here."""
        now, before = self._clock.steady(), self._situation()
        change_in = self._feeling.settle(now)
        self._hurry_if_new(before)
        if now >= self._next_look():
            self._due = now + self._look_and_act(now)
        return max(0.1, min(self._next_look() - now, change_in))

    def _next_look(self) -> float:
        return max(self._due, self._looked + SETTLE, self._trouble_until)

    def _situation(self) -> tuple[int, bool]:
        served = self._feeling.served
        return (served.number if served else 0), self._feeling.absent

    def _hurry_if_new(self, before: tuple[int, bool]) -> None:
        """A new mood matters at once in silence, or where it may interrupt; else when the song ends."""
        matters = self._current is None or self._config.interrupt or self._config.pause_when_absent
        if self._situation() != before and matters:
            self._due = -math.inf

    def _look_and_act(self, now: float) -> float:
        """One look and at most one song; the seconds until the next look."""
        if now < self._takeover_until:
            return self._takeover_until - now
        if self._current is None and not self._wants_music() and not self._skip:
            return LOOK
        self._looked = now
        try:
            playback = self._spotify.playback()
            wait = self._watch(playback, now)
            if wait is None:
                wait = self._act(playback, now)
        except SpotifyError as error:
            return self._trouble(error.problem, now)
        except MienError as error:  # the catalogue
            return self._trouble(Status.of(SpotifyState.NOTHING_TO_PLAY, str(error)), now)
        if self.problem.state != SpotifyState.READY:
            log.warning("Music: Spotify is ready again.")
            self.problem, self._troubles = Status.of(SpotifyState.READY), 0
        return wait

    def _wants_music(self) -> bool:
        away = self._feeling.absent and self._config.pause_when_absent
        quiet = is_quiet(self._config.quiet_hours, self._clock.wall())
        return self._enabled and self._feeling.served is not None and not away and not quiet

    def _watch(self, playback: Playback | None, now: float) -> float | None:
        """Learn from what happened since the last look; the seconds to wait if there is nothing more to do."""
        current = self._current
        if current is None or current.look is None:
            return self._meet(playback, now)
        verdict = what_happened(
            current.look, playback, now, same=_plays(current, playback), ours=_plays(self._queued, playback)
        )
        if verdict.change is PlaybackChange.NONE:
            self._current = _seen(current, playback, now)
            return None
        if verdict.heard is not None:
            self._songs.heard(current.song, current.served, verdict.heard)
        if verdict.change is PlaybackChange.TAKEN_OVER:
            return self._begin_takeover_pause(verdict.what, now)
        self._current, self._known = None, True  # what follows by itself is no person's doing
        return self._meet(playback, now)

    def _meet(self, playback: Playback | None, now: float) -> float | None:
        """Recognise what plays while no song of ours was seen to; as `_watch`.

        Music that mien did not send is a person's, and is left alone for as long as hands are off. If it still plays
        then, mien joins in at the end of a track.
        """
        if playback is not None and playback.is_playing:
            for sent in (self._current, self._queued, self._paused):
                if sent is not None and _plays(sent, playback):
                    self._queued = None if sent is self._queued else self._queued
                    self._current, self._paused = _seen(sent, playback, now), None
                    return None
        if self._current is not None and now - self._current.sent < STARTING:
            return SETTLE
        self._current = None  # it never came; as it was sent, it is not sent again
        if playback is None or not playback.is_playing:
            self._known = False
        elif not self._known and not self._adopt(playback, now):
            return self._begin_takeover_pause("plays something else", now)
        return None

    def _adopt(self, playback: Playback, now: float) -> bool:
        """After a restart of mien's, its own song may still be playing."""
        song = self._songs.known(playback.item) if playback.item is not None else None
        if song is None or self._feeling.served is None:
            return False
        self._current = SentSong(song, self._feeling.served, now, PlaybackSnapshot(playback, now))
        return True

    def _begin_takeover_pause(self, what: str, now: float) -> float:
        self._current = self._queued = self._paused = None
        self._known, self._takeover_until = True, now + self._config.takeover_pause
        log.warning(
            "A person %s: mien leaves the music alone for %.0f minutes.", what, self._config.takeover_pause / 60
        )
        return self._config.takeover_pause

    def _act(self, playback: Playback | None, now: float) -> float:
        """At most one song, by the rules; the seconds until the next look."""
        served = self._feeling.served
        playing = playback if playback is not None and playback.is_playing else None
        if served is None or not (self._wants_music() or self._skip):
            return self._rest(playing)
        if self._skip:
            return self._skip_now(playing, served, now)
        if playing is None:
            return self._begin(playback, served, now)
        if self._config.interrupt and self._current is not None and self._current.served.number != served.number:
            return self._start(playing.device.id, served, now)
        return self._follow(playing, served, now)

    def _follow(self, playing: Playback, served: TargetMood, now: float) -> float:
        """Let a song follow the one that plays, once that nears its end."""
        if self._current is None and not _named(playing.device, self._device):
            return LOOK  # a person's music on another device
        if self._queued is not None and now - self._queued.sent > FORGOTTEN:
            self._queued = None
        if self._queued is None and playing.item is not None and playing.remaining <= AHEAD:
            self._queue_next(served, now)
        if self._queued is not None:
            return min(LOOK, playing.remaining + SETTLE)
        return min(LOOK, max(SETTLE, playing.remaining - AHEAD + 1))

    def _rest(self, playing: Playback | None) -> float:
        """Nobody is there, it is quiet, or music is off: pause if that is wanted, else let the song end."""
        if (
            self._current is not None
            and playing is not None
            and self._feeling.absent
            and self._config.pause_when_absent
        ):
            self._spotify.pause(playing.device.id)
            self._paused, self._current = self._current, None
        return LOOK

    def _begin(self, playback: Playback | None, served: TargetMood, now: float) -> float:
        """From silence: go on with what mien paused, else start a song."""
        paused, self._paused = self._paused, None
        if paused is not None and playback is not None and _plays(paused, playback):
            self._spotify.play(None, playback.device.id)
            self._current = replace(paused, sent=now, look=None)
            return SETTLE
        device = choose_device(self._spotify.devices(), self._device)
        wait = self._start(device.id, served, now)
        if self._config.volume >= 0 and self._current is not None:
            with contextlib.suppress(SpotifyError):  # music at another volume is better than none
                self._spotify.volume(self._config.volume, device.id)
        return wait

    def _skip_now(self, playing: Playback | None, served: TargetMood, now: float) -> float:
        self._skip = False
        if self._current is not None and playing is not None and playing.duration:
            share = min(1.0, playing.progress / playing.duration)
            self._songs.heard(self._current.song, self._current.served, share)
        device = playing.device if playing is not None else choose_device(self._spotify.devices(), self._device)
        return self._start(device.id, served, now)

    def _start(self, device_id: str | None, served: TargetMood, now: float) -> float:
        sent = SentSong(self._next_song(served), served, now)
        before = self._current, self._queued
        self._current, self._queued = sent, None
        try:
            self._send(sent, lambda: self._spotify.play(sent.song.uri, device_id))
        except SpotifyError as error:
            if error.certain:
                self._current, self._queued = before
            raise
        log.info("Started %s by %s. %s", sent.song.title, sent.song.artist, sent.song.why)
        return SETTLE

    def _queue_next(self, served: TargetMood, now: float) -> None:
        sent = SentSong(self._next_song(served), served, now)
        self._queued = sent
        try:
            self._send(sent, lambda: self._spotify.queue(sent.song.uri))
        except SpotifyError as error:
            if error.certain:
                self._queued = None
            raise
        log.info("Next comes %s by %s. %s", sent.song.title, sent.song.artist, sent.song.why)

    def _send(self, sent: SentSong, command: Callable[[], None]) -> None:
        """Where the answer was lost, or Spotify does not know the song, it counts as sent."""
        try:
            command()
        except SpotifyError as error:
            if error.certain and error.problem.state != SpotifyState.REFUSED:
                raise
            self._songs.sent(sent.song, sent.served)
            raise
        self._songs.sent(sent.song, sent.served)

    def _next_song(self, served: TargetMood) -> PlayableSong:
        song = self._songs.next(served, self._intent)
        if song is None:
            raise SpotifyError(Status.of(SpotifyState.NOTHING_TO_PLAY))
        return song

    def _trouble(self, problem: Status, now: float) -> float:
        """Say a new state once, and wait: as long as Spotify asks, else longer each time."""
        if problem.state != self.problem.state:
            log.warning("Music: %s", problem.sentence)
            self._troubles = 0
        self.problem = problem
        wait = min(_RETRY_MOST, _RETRY.get(problem.state, _RETRY_FIRST) * 2.0**self._troubles)
        self._troubles = min(self._troubles + 1, 10)
        if problem.until is not None:
            wait = max(1.0, problem.until - self._clock.wall())
        else:
            wait *= random.uniform(0.8, 1.2)  # noqa: S311 # so that many players do not ask in step
        self._trouble_until = now + wait
        return wait


def choose_device(devices: list[PlayerDevice], name: str) -> PlayerDevice:
    """The device of the configuration, by name or id; without one the active, else the only one.

    Raises SpotifyError, no device, that tells what there is.
    """
    usable = [device for device in devices if not device.is_restricted]
    fits = [device for device in usable if _named(device, name)]
    active = [device for device in fits if device.is_active]
    if active or len(fits) == 1:
        return (active or fits)[0]
    seen = ", ".join(device.name for device in usable) or "none"
    raise SpotifyError(Status.of(SpotifyState.NO_DEVICE, f"Spotify sees: {seen}."))


def _named(device: PlayerDevice, name: str) -> bool:
    """True if it is the device of that name or id; every device if there is none."""
    return not name or name.casefold() in (device.name.casefold(), (device.id or "").casefold())


def _plays(sent: SentSong | None, playback: Playback | None) -> bool:
    """True if that song is loaded."""
    if sent is None or playback is None or playback.item is None:
        return False
    return playback.item.is_song(sent.song.uri, sent.song.title, sent.song.artist)


def _seen(sent: SentSong, playback: Playback | None, now: float) -> SentSong:
    assert playback is not None
    return replace(sent, look=PlaybackSnapshot(playback, now))
