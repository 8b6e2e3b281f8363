"""Parse the JSON of Spotify's Web API: checks every value and returns the neutral types of `players.base`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from mien.music.players.base import Playback, PlayerDevice, PlayerTrack
from mien.text import printable

Uri = Annotated[str, Meta(pattern=r"^spotify:[A-Za-z0-9:_\-%.+]{1,200}$")]
Milliseconds = Annotated[int, Meta(ge=0)]


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a long list. length: entries that Spotify sent, including those that are not tracks."""

    tracks: list[PlayerTrack]
    length: int
    total: int


class _Artist(msgspec.Struct, frozen=True):
    name: str = ""


class _LinkedTrack(msgspec.Struct, frozen=True):
    """The track that was requested, where Spotify plays another release of it."""

    uri: str = ""


class _Track(msgspec.Struct, frozen=True, kw_only=True):
    uri: Uri
    name: str = ""
    id: str | None = None
    artists: tuple[_Artist, ...] = ()
    duration_ms: Milliseconds = 0
    explicit: bool = False
    external_ids: dict[str, str] = {}
    linked_from: _LinkedTrack | None = None
    is_playable: bool = True

    def to_track(self) -> PlayerTrack:
        return PlayerTrack(
            uri=self.uri,
            title=printable(self.name),
            artist=printable(self.artists[0].name) if self.artists else "",
            duration=self.duration_ms / 1000,
            id=self.id,
            isrc=self.external_ids.get("isrc"),
            explicit=self.explicit,
            is_playable=self.is_playable,
            requested_uri=self.linked_from.uri if self.linked_from else None,
        )


class _SavedItem(msgspec.Struct, frozen=True):
    """An entry of the library or of a playlist; one that was removed since has no track."""

    track: _Track | None = None
    item: _Track | None = None


class _Device(msgspec.Struct, frozen=True):
    name: str = ""
    id: str | None = None
    is_active: bool = False
    is_restricted: bool = False
    type: str = ""
    volume_percent: int | None = None

    def to_device(self) -> PlayerDevice:
        return PlayerDevice(
            name=printable(self.name),
            id=self.id,
            type=self.type,
            is_active=self.is_active,
            is_restricted=self.is_restricted,
            volume_percent=self.volume_percent,
        )


class _Context(msgspec.Struct, frozen=True):
    uri: str | None = None


class _Playback(msgspec.Struct, frozen=True):
    device: _Device
    is_playing: bool = False
    item: _Track | None = None
    progress_ms: int | None = None
    context: _Context | None = None


def parse_playback(response: Any) -> Playback:
    """Return the playback state. Raises msgspec.ValidationError where the response is something else."""
    playback = msgspec.convert(response, type=_Playback)
    return Playback(
        device=playback.device.to_device(),
        is_playing=playback.is_playing,
        track=playback.item.to_track() if playback.item else None,
        progress=max(0, playback.progress_ms or 0) / 1000,
        context_uri=playback.context.uri if playback.context else None,
    )


def parse_devices(entries: Any) -> list[PlayerDevice]:
    """Return the devices of a list; skip entries that cannot be parsed."""
    return [device.to_device() for device in _parse_each(entries, _Device)]


def parse_tracks(entries: Any) -> list[PlayerTrack]:
    """Return the tracks of a list; skip entries that cannot be parsed."""
    return [track.to_track() for track in _parse_each(entries, _Track)]


def parse_saved_tracks(entries: Any) -> list[PlayerTrack]:
    """Return the tracks of a list of saved items; skip entries that cannot be parsed or have no track."""
    tracks = (saved.item or saved.track for saved in _parse_each(entries, _SavedItem))
    return [track.to_track() for track in tracks if track is not None]


def _parse_each(entries: Any, kind: type[Any]) -> list[Any]:
    parsed = []
    for entry in entries if isinstance(entries, list) else []:
        try:
            parsed.append(msgspec.convert(entry, type=kind))
        except msgspec.ValidationError:
            continue
    return parsed
