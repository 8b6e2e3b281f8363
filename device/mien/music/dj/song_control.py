"""Send songs to the player: start, queue, pause, resume and skip."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from mien.config import Intent
from mien.music.dj.mood_filter import TargetMood
from mien.music.dj.songs import SentSong, SentSongs, TrackSource
from mien.music.dj.timing import POLL_INTERVAL, QUEUE_AHEAD, QUEUE_TIMEOUT, SETTLE_TIME
from mien.music.players.base import Playback, Player, PlayerDevice
from mien.music.players.spotify.status import SpotifyError, SpotifyState, Status

log = logging.getLogger("mien.music")


@dataclass(frozen=True, slots=True)
class SongRequest:
    """What the next song is chosen for. now: seconds on the steady clock."""

    target: TargetMood
    intent: Intent
    now: float


class SongControl:
    """Commands to one device. A song that was sent is never sent again, even where the response was lost.

    device: name or id of the device to play on; empty for the active one. volume: percent, -1 to leave it alone. Every
    method may raise SpotifyError; those that return seconds return the time until the next poll.
    """

    def __init__(self, player: Player, tracks: TrackSource, sent: SentSongs, *, device: str, volume: int) -> None:
        self._player, self._tracks, self._sent = player, tracks, sent
        self._device, self._volume = device, volume

    def begin(self, playback: Playback | None, request: SongRequest) -> float:
        """From silence: resume the song that mien paused, else start one."""
        paused, self._sent.paused = self._sent.paused, None
        if paused is not None and playback is not None and paused.is_loaded(playback):
            self._player.play(None, playback.device.id)
            self._sent.current = replace(paused, sent_at=request.now, snapshot=None)
            return SETTLE_TIME
        device = choose_device(self._player.devices(), self._device)
        wait = self.start(device.id, request)
        if self._volume >= 0 and self._sent.current is not None:
            with contextlib.suppress(SpotifyError):  # music at another volume is better than none
                self._player.volume(self._volume, device.id)
        return wait

    def start(self, device_id: str | None, request: SongRequest) -> float:
        """Start a song at once."""
        sent = self._choose(request)
        before = self._sent.current, self._sent.queued
        self._sent.current, self._sent.queued = sent, None
        try:
            self._send(sent, lambda: self._player.play(sent.song.uri, device_id))
        except SpotifyError as error:
            if error.not_executed:
                self._sent.current, self._sent.queued = before
            raise
        log.info("Started %s by %s. %s", sent.song.title, sent.song.artist, sent.song.why)
        return SETTLE_TIME

    def skip(self, playing: Playback | None, request: SongRequest) -> float:
        """Start another song at once, and record how much of the current one was heard."""
        current = self._sent.current
        if current is not None and playing is not None and playing.duration:
            share = min(1.0, playing.progress / playing.duration)
            self._tracks.record_heard(current.song, current.target, share)
        device = playing.device if playing is not None else choose_device(self._player.devices(), self._device)
        return self.start(device.id, request)

    def follow(self, playing: Playback, request: SongRequest) -> float:
        """Queue a song once the current track nears its end."""
        sent = self._sent
        if sent.current is None and not _is_named(playing.device, self._device):
            return POLL_INTERVAL  # a person's music on another device
        if sent.queued is not None and request.now - sent.queued.sent_at > QUEUE_TIMEOUT:
            sent.queued = None
        if sent.queued is None and playing.track is not None and playing.remaining <= QUEUE_AHEAD:
            self._queue(request)
        if sent.queued is not None:
            return min(POLL_INTERVAL, playing.remaining + SETTLE_TIME)
        return min(POLL_INTERVAL, max(SETTLE_TIME, playing.remaining - QUEUE_AHEAD + 1))

    def pause(self, playing: Playback | None) -> None:
        """Pause the current song, to resume it later."""
        if self._sent.current is not None and playing is not None:
            self._player.pause(playing.device.id)
            self._sent.paused, self._sent.current = self._sent.current, None

    def _queue(self, request: SongRequest) -> None:
        sent = self._sent.queued = self._choose(request)
        try:
            self._send(sent, lambda: self._player.queue(sent.song.uri))
        except SpotifyError as error:
            if error.not_executed:
                self._sent.queued = None
            raise
        log.info("Queued %s by %s. %s", sent.song.title, sent.song.artist, sent.song.why)

    def _choose(self, request: SongRequest) -> SentSong:
        song = self._tracks.next_track(request.target, request.intent)
        if song is None:
            raise SpotifyError(Status.of(SpotifyState.NOTHING_TO_PLAY))
        return SentSong(song, request.target, request.now)

    def _send(self, sent: SentSong, command: Callable[[], None]) -> None:
        """Record the song as sent, also where the response was lost or Spotify does not have the song."""
        try:
            command()
        except SpotifyError as error:
            if not error.not_executed or error.status.state == SpotifyState.REFUSED:
                self._tracks.record_sent(sent.song, sent.target)
            raise
        self._tracks.record_sent(sent.song, sent.target)


def choose_device(devices: list[PlayerDevice], name: str) -> PlayerDevice:
    """Return the device of that name or id; without a name the active one, else the only one.

    Raises SpotifyError with the names of the devices that there are.
    """
    usable = [device for device in devices if not device.is_restricted]
    matching = [device for device in usable if _is_named(device, name)]
    active = [device for device in matching if device.is_active]
    if active or len(matching) == 1:
        return (active or matching)[0]
    names = ", ".join(device.name for device in usable) or "none"
    raise SpotifyError(Status.of(SpotifyState.NO_DEVICE, f"Devices that are online: {names}."))


def _is_named(device: PlayerDevice, name: str) -> bool:
    """Return whether it is the device of that name or id; an empty name matches every device."""
    return not name or name.casefold() in (device.name.casefold(), (device.id or "").casefold())
