"""The next song for a mood: by sources in the user's order, and under a URI that Spotify can play."""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator
from typing import Protocol

from mien.clock import Clock
from mien.config import Intent, MusicConfig, Source
from mien.expression import Expression
from mien.music.catalog import song_key
from mien.music.catalog.catalog import Catalog
from mien.music.catalog.records import Track
from mien.music.dj.mood_filter import TargetMood
from mien.music.dj.songs import PlayableSong
from mien.music.dj.timing import QUEUE_TIMEOUT
from mien.music.players.base import PlayerTrack
from mien.music.players.spotify.models import Page
from mien.music.players.spotify.status import SpotifyError, SpotifyState
from mien.music.recommend.query import WINDOW, select_songs

LEAST_SCORE = 0.25
"""A source whose best song scores less gives way to the next; if none has better, the first is used after all."""

PATH_LENGTH = 6
"""Songs over which "lift" and "calm" reach their goal."""

SEARCHES = 3
"""Most searches for the next song: each is a request, and one by ISRC may be followed by one by name."""

_MISS_AGE = 30 * 86400.0  # seconds until a song that Spotify did not have is searched again
_PLAYLIST_SONGS = 500
_PLAYLIST_AGE = 86400.0  # seconds until a playlist is read again

log = logging.getLogger("mien.music")


class TrackSearch(Protocol):
    """The requests of a track source to Spotify; each may raise SpotifyError."""

    def search(self, query: str) -> list[PlayerTrack]:
        """Return the best matches."""

    def playlist_page(self, playlist: str, offset: int) -> Page | None:
        """Return tracks of a playlist."""


class CatalogTrackSource:
    """Chooses from the catalogue and the user's playlists, and records in the catalogue what was played and heard.

    Belongs to the thread that opened the catalogue. Raises InputError where that cannot be used.
    """

    def __init__(self, config: MusicConfig, catalog: Catalog, spotify: TrackSearch, clock: Clock | None = None) -> None:
        self._config, self._catalog, self._spotify = config, catalog, spotify
        self._clock = clock or Clock()
        self._target_number = 0
        self._step = 0
        self._playlists: dict[str, tuple[float, list[PlayerTrack]]] = {}

    def next_track(self, target: TargetMood, intent: Intent) -> PlayableSong | None:
        """Return a song that was not played for days; None if there is none. May raise SpotifyError."""
        if target.number != self._target_number:
            self._target_number, self._step = target.number, 0
        budget = iter(range(SEARCHES))
        for least in (LEAST_SCORE, 0.0):
            for source in self._config.sources:
                for song in self._candidates(source, target, intent, least):
                    uri = self._resolve(song.track, budget)
                    if uri is not None:
                        return PlayableSong(uri, song.title, song.artist, song.why, song.track)
        return None

    def record_sent(self, song: PlayableSong, target: TargetMood) -> None:
        """Record the play, so that the song does not come again for days."""
        self._step += 1
        self._catalog.record_play(song.track, target.probabilities, self._clock.wall())

    def find_recent(self, track: PlayerTrack) -> PlayableSong | None:
        """Return the song if it was sent in the last quarter of an hour."""
        key = song_key.song_key(track.title, track.artist)
        if key not in self._catalog.played(self._clock.wall() - QUEUE_TIMEOUT):
            return None
        return PlayableSong(
            track.uri,
            track.title,
            track.artist,
            "It was chosen before mien restarted.",
            _to_catalog_track(track, Expression.NEUTRAL),
        )

    def record_heard(self, song: PlayableSong, target: TargetMood, share: float) -> None:
        """Record the share of the song that was heard, for the recommender."""
        self._catalog.record_feedback(song.track, target.probabilities, share, self._clock.wall())

    def _candidates(self, source: Source, target: TargetMood, intent: Intent, least: float) -> Iterator[PlayableSong]:
        if source == "playlists":
            yield from self._from_playlist(target)
            return
        now = self._clock.wall()
        choices = select_songs(
            self._catalog,
            target.probabilities,
            PATH_LENGTH,
            intent,
            now=now,
            seed=int(now),
            explicit=self._config.explicit,
            sources=(source,),
        )
        reached = min(self._step, len(choices) - 1) if intent != "match" else 0
        for choice in [*choices[reached:], *choices[:reached]]:
            if choice.score >= least:
                yield PlayableSong("", choice.track.title, choice.track.artist, choice.why, choice.track)

    def _from_playlist(self, target: TargetMood) -> Iterator[PlayableSong]:
        label = target.expression.label
        listed = self._playlist(self._config.playlists.get(label, ""))
        played = self._catalog.played(self._clock.wall() - WINDOW)
        tracks = [
            _to_catalog_track(track, target.expression)
            for track in listed
            if self._config.explicit or not track.explicit
        ]
        left = [track for track in tracks if track.track_id not in played]
        random.Random(int(self._clock.wall())).shuffle(left)  # noqa: S311 # music, not secrets
        for track in left:
            yield PlayableSong("", track.title, track.artist, f"It is in your playlist for {label}.", track)

    def _playlist(self, playlist: str) -> list[PlayerTrack]:
        """Return its tracks, read once a day; none where it cannot be read, which is logged once a day too."""
        now = self._clock.wall()
        read_at, tracks = self._playlists.get(playlist, (-_PLAYLIST_AGE, []))
        if not playlist or now - read_at < _PLAYLIST_AGE:
            return tracks
        tracks, offset = [], 0
        try:
            while offset < _PLAYLIST_SONGS and (page := self._spotify.playlist_page(playlist, offset)) is not None:
                tracks += page.tracks
                offset += page.length
                if offset >= page.total:
                    break
        except SpotifyError as error:
            if error.status.state not in (SpotifyState.REFUSED, SpotifyState.RESTRICTED):
                raise
            log.warning("The playlist %s cannot be read: use one of your own.", playlist)
        self._playlists[playlist] = (now, tracks)
        return tracks

    def _resolve(self, track: Track, budget: Iterator[int]) -> str | None:
        """Return Spotify's URI of the song: as imported, as found before, or by a search; None where it has none."""
        if track.uri is not None:
            return track.uri
        now, resolution = self._clock.wall(), self._catalog.resolution(track)
        if resolution is not None and (resolution.uri is not None or now - resolution.at < _MISS_AGE):
            return resolution.uri
        uri = None
        for query in _queries(track):
            if next(budget, None) is None:
                return None  # not all was tried, so there is nothing to cache
            uri = next((match.uri for match in self._spotify.search(query) if _is_match(match, track)), None)
            if uri is not None:
                break
        self._catalog.cache_resolution(track, uri, now)
        return uri


def _queries(track: Track) -> Iterator[str]:
    """Yield the searches for a song, the surest first."""
    if track.isrc is not None:
        yield f"isrc:{track.isrc}"
    quoted = (text.replace('"', " ") for text in (track.title, track.artist))
    yield 'track:"{}" artist:"{}"'.format(*quoted)


def _is_match(match: PlayerTrack, track: Track) -> bool:
    """Return whether a search result is the song, and can be played."""
    same_recording = track.isrc is not None and match.isrc == track.isrc
    same_key = song_key.song_key(match.title, match.artist) == track.track_id
    return match.is_playable and (same_recording or same_key)


def _to_catalog_track(track: PlayerTrack, expression: Expression) -> Track:
    """Return a song without features as one of the catalogue, placed at the expression it is meant for."""
    return Track(
        title=track.title,
        artist=track.artist,
        uri=track.uri,
        year=None,
        language="",
        genre="",
        valence=(expression.valence + 1) / 2,
        energy=(expression.arousal + 1) / 2,
        tempo=None,
        place=(expression.valence, expression.arousal),
        track_id=song_key.song_key(track.title, track.artist),
        isrc=track.isrc,
        explicit=track.explicit,
    )
