"""Scores of songs under a mood, from how much of each song a listener heard. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mien.music.catalog.records import Feedback, Track

Floats = NDArray[np.float64]

SKIPPED = 1 / 3
"""A song that was left before this share counts against it."""

HEARD = 0.9
"""A song that was heard to this share counts for it in full; between the two it counts in part."""

_SONG, _ARTIST, _NEIGHBOURS = 1.0, 0.5, 0.25  # the weight of a judgement for each
_NEAR = 0.15  # standard deviation of the neighbourhood on the plane
_HALF_LIFE = 90 * 86400.0  # seconds: preferences change


class FeedbackModel:
    """A listener's judgements, weighted for one mood.

    Each is weighted by how much its mood overlaps this one (the sum of the smaller probability of each expression) and
    by its age; it counts for or against the song itself, half as much for the artist's others, a quarter for its
    neighbours on the plane. probabilities: the mood's. now: seconds since 1970.
    """

    def __init__(self, feedback: Sequence[Feedback], probabilities: Sequence[float], now: float) -> None:
        weights = _weights(feedback, probabilities, now)
        self._songs: defaultdict[str, float] = defaultdict(float)
        self._artists: defaultdict[str, float] = defaultdict(float)
        for item, weight in zip(feedback, weights.tolist(), strict=True):
            self._songs[item.track_id] += weight
            self._artists[item.artist_key] += weight
        self._weights = weights
        self._valence, self._arousal = np.array([item.place for item in feedback]).reshape(-1, 2).T

    def scores(self, tracks: Sequence[Track]) -> Floats:
        """Return float64 (tracks,): -1 (disliked) to 1 (liked), 0 where nothing is known."""
        valence, arousal = np.array([track.place for track in tracks]).reshape(-1, 2).T
        squared_distances = (valence[:, None] - self._valence) ** 2 + (arousal[:, None] - self._arousal) ** 2
        neighbours = np.exp(-squared_distances / (2 * _NEAR**2)) @ self._weights
        songs = np.array([self._songs.get(track.track_id, 0.0) for track in tracks])
        artists = np.array([self._artists.get(track.artist_key, 0.0) for track in tracks])
        return np.asarray(np.tanh(_SONG * songs + _ARTIST * artists + _NEIGHBOURS * neighbours))

    def explain(self, track: Track) -> str:
        """Return in words what is known of the song or its artist; empty where nothing is."""
        song, artist = self._songs.get(track.track_id, 0.0), self._artists.get(track.artist_key, 0.0)
        if abs(song) > 0.1:
            return "you heard it out in such a mood" if song > 0 else "you skipped it in such a mood"
        if abs(artist) > 0.1:
            return f"you {'stay with' if artist > 0 else 'skip'} this artist in such a mood"
        return ""


def preference(heard: float) -> float:
    """Return the judgement, -1 to 1, of a song of which that share was heard."""
    return -1.0 if heard < SKIPPED else min(1.0, (heard - SKIPPED) / (HEARD - SKIPPED))


def _weights(feedback: Sequence[Feedback], probabilities: Sequence[float], now: float) -> Floats:
    """Return float64 (judgements,): the weight of each, positive for and negative against the song."""
    moods = np.array([item.probabilities for item in feedback]).reshape(-1, len(probabilities))
    ages = now - np.array([item.at for item in feedback])
    preferences = np.array([preference(item.heard) for item in feedback])
    return np.asarray(
        preferences * np.minimum(moods, probabilities).sum(axis=1) * 0.5 ** (np.maximum(0, ages) / _HALF_LIFE)
    )
