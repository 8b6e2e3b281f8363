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
from mien.music.catalog.catalog import Catalog, Track
from mien.music.dj.dj import FORGOTTEN, PlayableSong
from mien.music.dj.mood_filter import TargetMood
from mien.music.players.spotify.models import Item, Page
from mien.music.players.spotify.status import SpotifyError, SpotifyState
from mien.music.recommend.query import WINDOW, select

FITS = 0.25
"""A source whose best song scores less gives way to the next; if none has better, the first is taken after all."""

PATH = 6
"""Songs over which "lift" and "calm" reach their goal."""

SEARCHES = 3
"""Most searches for the next song: each is a request, and one by ISRC may be followed by one by name."""

_MISS = 30 * 86400.0  # seconds until a song that Spotify did not have is searched again
_PLAYLIST_SONGS = 500
_PLAYLIST_AGE = 86400.0

log = logging.getLogger("mien.music")


class Lookup(Protocol):
    """What the selector asks of Spotify; each may raise SpotifyError."""

    def search(self, query: str) -> list[Item]:
        """The best matches."""

    def playlist_page(self, playlist: str, offset: int) -> Page | None:
        """Tracks of a playlist."""


class CatalogTrackSource:
    """Chooses from the catalogue and the user's playlists, and keeps what was played and heard in the catalogue.

    Belongs to the thread that opened the catalogue. Raises InputError where that cannot be used.
    """

    def __init__(self, config: MusicConfig, catalog: Catalog, spotify: Lookup, clock: Clock | None = None) -> None:
        self._config, self._catalog, self._spotify = config, catalog, spotify
        self._clock = clock or Clock()
        self._mood = 0
        self._step = 0
        self._playlists: dict[str, tuple[float, list[Item]]] = {}

    def next(self, served: TargetMood, intent: Intent) -> PlayableSong | None:
        """A song that was not played for days; None if there is none. May raise SpotifyError."""
        if served.number != self._mood:
            self._mood, self._step = served.number, 0
        budget = iter(range(SEARCHES))
        for least in (FITS, 0.0):
            for source in self._config.sources:
                for song in self._offers(source, served, intent, least):
                    uri = self._uri(song.track, budget)
                    if uri is not None:
                        return PlayableSong(uri, song.title, song.artist, song.why, song.track)
        return None

    def sent(self, song: PlayableSong, served: TargetMood) -> None:
        """Not again for days."""
        self._step += 1
        self._catalog.record_play(song.track, served.probabilities, self._clock.wall())

    def known(self, item: Item) -> PlayableSong | None:
        """The song, if it was sent in the last quarter of an hour."""
        key = song_key.song_key(item.name, item.artist)
        if key not in self._catalog.played(self._clock.wall() - FORGOTTEN):
            return None
        return PlayableSong(
            item.uri,
            item.name,
            item.artist,
            "It was chosen before mien started anew.",
            _as_track(item, Expression.NEUTRAL),
        )

    def heard(self, song: PlayableSong, served: TargetMood, share: float) -> None:
        """Learn from how long it was borne."""
        self._catalog.record_feedback(song.track, served.probabilities, share, self._clock.wall())

    def _offers(self, source: Source, served: TargetMood, intent: Intent, least: float) -> Iterator[PlayableSong]:
        if source == "playlists":
            yield from self._from_playlist(served)
            return
        now = self._clock.wall()
        choices = select(
            self._catalog,
            served.probabilities,
            PATH,
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

    def _from_playlist(self, served: TargetMood) -> Iterator[PlayableSong]:
        label = served.expression.label
        items = self._playlist(self._config.playlists.get(label, ""))
        played = self._catalog.played(self._clock.wall() - WINDOW)
        tracks = [_as_track(item, served.expression) for item in items if self._config.explicit or not item.explicit]
        left = [track for track in tracks if track.track_id not in played]
        random.Random(int(self._clock.wall())).shuffle(left)  # noqa: S311 # music, not secrets
        for track in left:
            yield PlayableSong("", track.title, track.artist, f"It is in your playlist for {label}.", track)

    def _playlist(self, playlist: str) -> list[Item]:
        """Its tracks, read once a day; none where it cannot be read, which is said once a day too."""
        now = self._clock.wall()
        read_at, items = self._playlists.get(playlist, (-_PLAYLIST_AGE, []))
        if not playlist or now - read_at < _PLAYLIST_AGE:
            return items
        items, read = [], 0
        try:
            while read < _PLAYLIST_SONGS and (page := self._spotify.playlist_page(playlist, read)) is not None:
                items += page.items
                read += page.length
                if read >= page.total:
                    break
        except SpotifyError as error:
            if error.problem.state not in (SpotifyState.REFUSED, SpotifyState.RESTRICTED):
                raise
            log.warning("The playlist %s cannot be read: use one of your own.", playlist)
        self._playlists[playlist] = (now, items)
        return items

    def _uri(self, track: Track, budget: Iterator[int]) -> str | None:
        """What Spotify knows the song by: as imported, as found before, or by a search."""
        if track.uri is not None:
            return track.uri
        now, known = self._clock.wall(), self._catalog.resolution(track)
        if known is not None and (known.uri is not None or now - known.at < _MISS):
            return known.uri
        uri = None
        for query in _queries(track):
            if next(budget, None) is None:
                return None  # not all was tried, so there is nothing to remember
            uri = next((item.uri for item in self._spotify.search(query) if _is_song(item, track)), None)
            if uri is not None:
                break
        self._catalog.cache_resolution(track, uri, now)
        return uri


def _queries(track: Track) -> Iterator[str]:
    """What to search a song by, the surest first."""
    if track.isrc is not None:
        yield f"isrc:{track.isrc}"
    quoted = (text.replace('"', " ") for text in (track.title, track.artist))
    yield 'track:"{}" artist:"{}"'.format(*quoted)


def _is_song(item: Item, track: Track) -> bool:
    """Whether what was found is the song, and can be played."""
    same_recording = track.isrc is not None and item.isrc == track.isrc
    return item.is_playable and (same_recording or song_key.song_key(item.name, item.artist) == track.track_id)


def _as_track(item: Item, expression: Expression) -> Track:
    """A song that no table tells more of, placed where the mood is that it was meant for."""
    return Track(
        title=item.name,
        artist=item.artist,
        uri=item.uri,
        year=None,
        language="",
        genre="",
        valence=(expression.valence + 1) / 2,
        energy=(expression.arousal + 1) / 2,
        tempo=None,
        place=(expression.valence, expression.arousal),
        track_id=song_key.song_key(item.name, item.artist),
        isrc=item.isrc,
        explicit=item.explicit,
    )
