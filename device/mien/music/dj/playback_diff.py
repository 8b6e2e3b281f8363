"""Compare two playbacks: did the song end, was it skipped, or did a person take over? Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from mien.music.players.base import Playback

SLACK = 13.0
"""Seconds by which a track may end before its time: Spotify's crossfade goes up to twelve."""

VOLUME_SLACK = 3
"""Points of volume that a device may round by itself."""


class PlaybackChange(Enum):
    """What happened to our track."""

    NONE = auto()
    ENDED = auto()
    SKIPPED = auto()
    TAKEN_OVER = auto()


@dataclass(frozen=True, slots=True)
class PlaybackSnapshot:
    """A playback of our track, and its time in seconds on the steady clock."""

    playback: Playback
    at: float

    @property
    def end(self) -> float:
        """Return the second at which the track will be over, if no one interferes."""
        return self.at + self.playback.remaining


@dataclass(frozen=True, slots=True)
class PlaybackDiff:
    """The change; the share of the track that was heard, 0 to 1, where that is known; a person's action in words."""

    change: PlaybackChange
    heard: float | None = None
    action: str = ""


def compare(before: PlaybackSnapshot, after: Playback | None, now: float, *, same: bool, ours: bool) -> PlaybackDiff:
    """Return what happened to our track between two playbacks.

    same: the track of the first playback is still loaded. ours: the track that is loaded now is the song that we
    queued. A track that is gone before it could have ended was skipped. A device, context or volume that changed, or a
    pause, is a person's action. The end may come up to `SLACK` early.
    """
    over = now >= before.end - SLACK
    if after is None:
        return (
            PlaybackDiff(PlaybackChange.ENDED, 1.0)
            if over
            else PlaybackDiff(PlaybackChange.TAKEN_OVER, action="turned the device off")
        )
    action = _person_action(before.playback, after, same=same)
    if action:
        return PlaybackDiff(PlaybackChange.TAKEN_OVER, action=action)
    if same and after.is_playing:
        return PlaybackDiff(PlaybackChange.NONE)
    if over or (same and after.progress > 0):
        return PlaybackDiff(PlaybackChange.ENDED, 1.0)
    heard = _heard_share(before, after, now)
    if ours or not after.is_playing:  # on to the song that we queued, or to the silence where there was none
        return PlaybackDiff(PlaybackChange.SKIPPED, heard)
    return PlaybackDiff(PlaybackChange.TAKEN_OVER, heard, "changed the track")


def _person_action(before: Playback, after: Playback, *, same: bool) -> str:
    """Return in words what a person did to the device or to the track while it was ours; empty for nothing."""
    if after.device.id != before.device.id:
        return "changed the device"
    if same and not after.is_playing and 0 < after.progress < after.duration - SLACK:
        return "paused"
    if same and after.context_uri != before.context_uri:
        return "changed what is played"
    volumes = (before.device.volume_percent, after.device.volume_percent)
    if same and None not in volumes and abs((volumes[0] or 0) - (volumes[1] or 0)) > VOLUME_SLACK:
        return "changed the volume"
    return ""


def _heard_share(before: PlaybackSnapshot, after: Playback, now: float) -> float:
    """Return the share of the track that had played when it was left, by the progress of the next one."""
    left_at = max(before.at, now - (after.progress if after.is_playing else 0.0))
    seconds = before.playback.progress + left_at - before.at
    return min(1.0, seconds / before.playback.duration) if before.playback.duration else 0.0
