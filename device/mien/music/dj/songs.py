"""Songs on their way from the catalogue to the player."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol

from mien.config import Intent
from mien.music.dj.mood_filter import TargetMood
from mien.music.dj.playback_diff import PlaybackSnapshot
from mien.music.players.base import Playback, PlayerTrack


@dataclass(frozen=True, slots=True)
class PlayableSong:
    """A song that the player can play, and why it was chosen. track: the track source's own record of it."""

    uri: str
    title: str
    artist: str
    why: str
    track: Any = None


@dataclass(frozen=True, slots=True)
class SentSong:
    """A song that was sent to the player, and the mood it was chosen for.

    sent_at: seconds on the steady clock. snapshot: the last playback of it, None until it has played.
    """

    song: PlayableSong
    target: TargetMood
    sent_at: float
    snapshot: PlaybackSnapshot | None = None

    def is_loaded(self, playback: Playback | None) -> bool:
        """Return whether it is the player's current track, playing or paused."""
        if playback is None or playback.track is None:
            return False
        return playback.track.is_song(self.song.uri, self.song.title, self.song.artist)

    def with_snapshot(self, playback: Playback, now: float) -> SentSong:
        """Return it with a new snapshot."""
        return replace(self, snapshot=PlaybackSnapshot(playback, now))


@dataclass
class SentSongs:
    """The song that plays, the one queued after it, and the one that mien paused while there was no face."""

    current: SentSong | None = None
    queued: SentSong | None = None
    paused: SentSong | None = None

    def clear(self) -> None:
        """Drop all three: a person took over."""
        self.current = self.queued = self.paused = None


class TrackSource(Protocol):
    """Chooses songs, and records how they were received."""

    def next_track(self, target: TargetMood, intent: Intent) -> PlayableSong | None:
        """Return a song that was not sent lately; None if there is none. May raise SpotifyError."""

    def record_sent(self, song: PlayableSong, target: TargetMood) -> None:
        """Record that the song was sent, or may have been, so that it does not come again soon."""

    def find_recent(self, track: PlayerTrack) -> PlayableSong | None:
        """Return the song if it was sent a short while ago, perhaps before a restart."""

    def record_heard(self, song: PlayableSong, target: TargetMood, share: float) -> None:
        """Record the share of the song that was heard, 0 to 1."""
