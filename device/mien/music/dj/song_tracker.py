"""Match the playback with the songs that were sent, and detect when a person took over."""

from __future__ import annotations

from dataclasses import dataclass

from mien.music.dj.mood_filter import TargetMood
from mien.music.dj.playback_diff import PlaybackChange, PlaybackSnapshot, compare
from mien.music.dj.songs import SentSong, SentSongs, TrackSource
from mien.music.dj.timing import SETTLE_TIME, START_TIMEOUT
from mien.music.players.base import Playback


@dataclass(frozen=True, slots=True)
class PollResult:
    """The result of a poll. wait: seconds to wait before acting. takeover: what a person did, empty for nothing."""

    wait: float = 0.0
    takeover: str = ""


class SongTracker:
    """Keeps the sent songs in step with what plays, and records how much of each was heard."""

    def __init__(self, sent: SentSongs, tracks: TrackSource) -> None:
        self._sent, self._tracks = sent, tracks
        self._foreign_accepted = False  # what plays is not ours, but no takeover either

    def accept_foreign(self) -> None:
        """Treat music that mien did not send as accepted, not as a takeover, until there is silence."""
        self._foreign_accepted = True

    def observe(self, playback: Playback | None, target: TargetMood | None, now: float) -> PollResult:
        """Compare a playback with the last one, and update the sent songs."""
        current = self._sent.current
        if current is None or current.snapshot is None:
            return self._identify(playback, target, now)
        queued = self._sent.queued
        diff = compare(
            current.snapshot,
            playback,
            now,
            same=current.is_loaded(playback),
            ours=queued is not None and queued.is_loaded(playback),
        )
        if diff.change is PlaybackChange.NONE:
            assert playback is not None
            self._sent.current = current.with_snapshot(playback, now)
            return PollResult()
        if diff.heard is not None:
            self._tracks.record_heard(current.song, current.target, diff.heard)
        if diff.change is PlaybackChange.TAKEN_OVER:
            return self._taken_over(diff.action)
        self._sent.current = None
        self.accept_foreign()  # what follows by itself was not started by a person
        return self._identify(playback, target, now)

    def _identify(self, playback: Playback | None, target: TargetMood | None, now: float) -> PollResult:
        """Recognize what plays while no sent song has been playing.

        Music that mien did not send is a person's: a takeover. If it still plays after the takeover pause, mien queues
        its song after a track.
        """
        playing = playback if playback is not None and playback.is_playing else None
        if playing is not None and self._recognize(playing, now):
            return PollResult()
        if self._sent.current is not None and now - self._sent.current.sent_at < START_TIMEOUT:
            return PollResult(wait=SETTLE_TIME)
        self._sent.current = None  # it never came; as it was sent, it is not sent again
        if playing is None:
            self._foreign_accepted = False
        elif not self._foreign_accepted and not self._recognize_after_restart(playing, target, now):
            return self._taken_over("plays something else")
        return PollResult()

    def _recognize(self, playing: Playback, now: float) -> bool:
        """Make the sent song that plays the current one; return False where none does."""
        sent = self._sent
        for song in (sent.current, sent.queued, sent.paused):
            if song is not None and song.is_loaded(playing):
                sent.queued = None if song is sent.queued else sent.queued
                sent.current, sent.paused = song.with_snapshot(playing, now), None
                return True
        return False

    def _recognize_after_restart(self, playing: Playback, target: TargetMood | None, now: float) -> bool:
        """Make a song that was sent before a restart the current one; return False where it is not such a song."""
        song = self._tracks.find_recent(playing.track) if playing.track is not None else None
        if song is None or target is None:
            return False
        self._sent.current = SentSong(song, target, now, PlaybackSnapshot(playing, now))
        return True

    def _taken_over(self, action: str) -> PollResult:
        self._sent.clear()
        self.accept_foreign()
        return PollResult(takeover=action)
