"""Spotify Connect in the few values that the player needs, checked as they come from the network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from msgspec import Meta

Uri = Annotated[str, Meta(pattern=r"^spotify:[A-Za-z0-9:_\-%.+]{1,200}$")]
Milliseconds = Annotated[int, Meta(ge=0)]


def printable(text: str) -> str:
    """The text without what could steer a terminal: names come from strangers."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:200])


class _Named(msgspec.Struct, frozen=True):
    name: str = ""

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "name", printable(self.name))


class Artist(_Named, frozen=True):
    """Of a track."""


class LinkedTrack(msgspec.Struct, frozen=True):
    """The track that was asked for, where Spotify plays another release of it."""

    uri: str = ""


class Item(_Named, frozen=True, kw_only=True):
    """A track or episode, as Spotify describes it. duration_ms: milliseconds."""

    uri: Uri
    id: str | None = None
    artists: tuple[Artist, ...] = ()
    duration_ms: Milliseconds = 0
    explicit: bool = False
    external_ids: dict[str, str] = {}
    linked_from: LinkedTrack | None = None
    is_playable: bool = True

    @property
    def artist(self) -> str:
        """The first artist's name; empty for an episode."""
        return self.artists[0].name if self.artists else ""

    @property
    def isrc(self) -> str | None:
        """The recording's own number, which is the same in every catalogue."""
        return self.external_ids.get("isrc")

    def is_song(self, uri: str, title: str, artist: str) -> bool:
        """True if this is that song, perhaps under the URI of another release of it."""
        if uri in {self.uri, self.linked_from.uri if self.linked_from else uri + "?"}:
            return True
        same_name = (self.name.casefold(), self.artist.casefold()) == (title.casefold(), artist.casefold())
        return bool(title) and same_name


class PlayerDevice(_Named, frozen=True):
    """A Spotify Connect device. volume_percent: 0 to 100, None where it has no volume of its own."""

    id: str | None = None
    is_active: bool = False
    is_restricted: bool = False
    type: str = ""
    volume_percent: int | None = None


class PlaybackContext(msgspec.Struct, frozen=True):
    """The album, playlist or artist that is being played."""

    uri: str | None = None


class Playback(msgspec.Struct, frozen=True):
    """What plays where. item is None for advertisements, and while nothing is loaded. progress_ms: milliseconds."""

    device: PlayerDevice
    is_playing: bool = False
    item: Item | None = None
    progress_ms: int | None = None
    context: PlaybackContext | None = None

    @property
    def progress(self) -> float:
        """Seconds into the track."""
        return max(0, self.progress_ms or 0) / 1000

    @property
    def duration(self) -> float:
        """Seconds that the track lasts; 0 while nothing is loaded."""
        return self.item.duration_ms / 1000 if self.item else 0.0

    @property
    def remaining(self) -> float:
        """Seconds until the track's end."""
        return max(0.0, self.duration - self.progress)

    @property
    def context_uri(self) -> str | None:
        """The context's URI, None for single tracks."""
        return self.context.uri if self.context else None


class SavedItem(msgspec.Struct, frozen=True):
    """An entry of the library or of a playlist; what was removed since has no track."""

    track: Item | None = None
    item: Item | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a long list. length: entries that Spotify sent, of which `items` are those that are songs."""

    items: list[Item]
    length: int
    total: int


def parse(answer: Any, kind: type[Any]) -> Any:
    """The answer as `kind`. Raises msgspec.ValidationError where it is something else."""
    return msgspec.convert(answer, type=kind)
