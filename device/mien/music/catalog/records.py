"""The records of the catalogue: songs, plays, feedback and counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from mien.music.catalog import song_key
from mien.music.catalog.plane import Place


@dataclass(frozen=True, slots=True)
class Track:
    """A song and its place.

    uri: Spotify's, or None where it is not known. valence: 0 (bleak) to 1 (joyful). energy: 0 (still) to 1 (fierce).
    tempo: beats a minute. place: where people can be expected to rate it, which is what the recommender uses; set by
    hand for the starter list, else from the features (`placement`). track_id: identifies the song wherever it comes
    from, and stays the same over imports (`song_key.song_key`).
    """

    title: str
    artist: str
    uri: str | None
    year: int | None
    language: str
    genre: str
    valence: float
    energy: float
    tempo: float | None
    place: Place
    track_id: str
    isrc: str | None = None
    explicit: bool = False
    in_library: bool = False
    danceability: float | None = None
    acousticness: float | None = None

    @property
    def artist_key(self) -> str:
        """Return the key of the first artist, the same for every spelling."""
        return song_key.artist_of(self.track_id)


@dataclass(frozen=True, slots=True)
class LibrarySong:
    """A song that the user saved or plays most, as Spotify lists it: without features."""

    spotify_id: str
    isrc: str | None
    title: str
    artist: str


@dataclass(frozen=True, slots=True)
class LibraryReport:
    """The number of songs in a library, and of those that were joined to features."""

    songs: int
    joined: int


class Play(NamedTuple):
    """A song that was played. at: seconds since 1970."""

    track_id: str
    artist_key: str
    at: float


class Feedback(NamedTuple):
    """How a song was received under a mood. heard: the share of it that was heard, 0 to 1. at: seconds since 1970."""

    track_id: str
    artist_key: str
    title: str
    place: Place
    probabilities: tuple[float, ...]
    heard: float
    at: float


@dataclass(frozen=True, slots=True)
class Resolution:
    """The result of a search for a song. uri: None where there was no match. at: seconds since 1970."""

    uri: str | None
    at: float


@dataclass(frozen=True, slots=True)
class CatalogSummary:
    """Counts of a catalogue. features: the share of the songs that has each. last_import: the name of a file."""

    songs: int
    artists: int
    with_spotify_id: int
    with_isrc: int
    explicit: int
    library: int
    library_with_features: int
    features: dict[str, float]
    plays: int
    judgements: int
    last_import: str | None
