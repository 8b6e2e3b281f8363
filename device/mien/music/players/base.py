"""The interface of every player, and the playback state that it returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class PlayerTrack:
    """A track or episode as a player describes it.

    artist: the first artist, empty for an episode. duration: seconds. id: the player's own, None for a local file.
    isrc: the recording's number, which is the same in every catalogue. requested_uri: the track that was requested,
    where the player substituted another release of it.
    """

    uri: str
    title: str
    artist: str = ""
    duration: float = 0.0
    id: str | None = None
    isrc: str | None = None
    explicit: bool = False
    is_playable: bool = True
    requested_uri: str | None = None

    def is_song(self, uri: str, title: str, artist: str) -> bool:
        """Return whether it is that song, under this URI or under that of another release."""
        if uri in (self.uri, self.requested_uri):
            return True
        same_name = (self.title.casefold(), self.artist.casefold()) == (title.casefold(), artist.casefold())
        return bool(title) and same_name


@dataclass(frozen=True, slots=True)
class PlayerDevice:
    """A device that can play music. volume_percent: 0 to 100, None where it has no volume of its own."""

    name: str
    id: str | None = None
    type: str = ""
    is_active: bool = False
    is_restricted: bool = False
    volume_percent: int | None = None


@dataclass(frozen=True, slots=True)
class Playback:
    """The playback state of a device.

    track: None during advertisements, and while nothing is loaded. progress: seconds into the track. context_uri: the
    album, playlist or artist that is playing, None for a single track.
    """

    device: PlayerDevice
    is_playing: bool = False
    track: PlayerTrack | None = None
    progress: float = 0.0
    context_uri: str | None = None

    @property
    def duration(self) -> float:
        """Return the length of the track in seconds; 0 while nothing is loaded."""
        return self.track.duration if self.track else 0.0

    @property
    def remaining(self) -> float:
        """Return the seconds until the end of the track."""
        return max(0.0, self.duration - self.progress)


class Player(Protocol):
    """A service or program that plays music. Every method may raise a RemoteError."""

    def playback(self) -> Playback | None:
        """Return the current playback; None where nothing has played for a while."""

    def devices(self) -> list[PlayerDevice]:
        """Return the devices that can play."""

    def play(self, uri: str | None, device_id: str | None) -> None:
        """Start a track at once; without a URI, resume."""

    def queue(self, uri: str) -> None:
        """Queue a track after the current one."""

    def pause(self, device_id: str | None) -> None:
        """Pause."""

    def volume(self, percent: int, device_id: str | None) -> None:
        """Set the volume, 0 to 100."""
