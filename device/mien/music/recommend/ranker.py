"""Rank songs for a mood. Pure: probabilities, tracks and history in, songs in order and the reason for each out."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.config import Intent
from mien.events import one_hot
from mien.expression import Expression
from mien.music.catalog.plane import AROUSAL_WEIGHT, Place
from mien.music.catalog.records import Feedback, Track
from mien.music.recommend.feedback import FeedbackModel

Floats = NDArray[np.float64]

CLOSENESS_DEVIATION = 0.35
"""Standard deviation, on the plane, of closeness: songs within it of a place fit the place."""

NOT_OWNED_FACTOR = 0.7
"""The factor of the closeness of a song that is not the user's own, where there are own songs."""

_GOALS: Mapping[str, Place] = {"lift": (Expression.HAPPY.valence, Expression.HAPPY.arousal), "calm": (0.45, -0.55)}
_PATH_SHARE = 0.8  # how far towards its goal the last song of a list is placed: too far would lose the listener
_VARIETY = 0.1  # the cost of similarity to the songs before (maximal marginal relevance: Carbonell & Goldstein 1998)
_JITTER = 0.1  # the random share of the order: what may change from day to day without leaving the mood
_ARTIST_GAP = 10  # songs


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A song, how well it fits (0 to 1, 1 being exactly at the place), and why, in plain words."""

    track: Track
    score: float
    why: str


def recommend(
    probabilities: Sequence[float],
    tracks: Sequence[Track],
    count: int,
    intent: Intent = "match",
    *,
    seed: int = 0,
    now: float = 0.0,
    feedback: Sequence[Feedback] = (),
    avoid: Collection[str] = (),
    avoid_artists: Collection[str] = (),
    explicit: bool = True,
) -> list[Recommendation]:
    """Return the best songs, at most `count`, in the order to play them; the same arguments give the same list.

    avoid: track_ids that are left out (played too lately). avoid_artists: artist keys that come only where there is no
    other; so does an artist of the ten songs before. explicit: False leaves out explicit songs. now: seconds
    since 1970, for the age of the feedback.
    """
    mood = normalize_probabilities(probabilities)
    left = {t.track_id: t for t in tracks if t.track_id not in avoid and (explicit or not t.explicit)}
    songs = [left[key] for key in sorted(left)]  # the order of the tracks makes no difference
    if not songs:
        return []
    model = FeedbackModel(feedback, mood, now)
    ranking = _Ranking(songs, model.scores(songs), seed, avoid_artists)
    path = targets(mood, intent, count)
    choices = []
    for target in path[: len(songs)]:
        number, score = ranking.take(target)
        why = explain(songs[number], mood, "match" if target == path[0] else intent, model.explain(songs[number]))
        choices.append(Recommendation(songs[number], round(score, 4), why))
    return choices


def normalize_probabilities(probabilities: Sequence[float]) -> tuple[float, ...]:
    """Return the probabilities scaled to a sum of 1: NaN and negative ones count as 0, all of them 0 as neutral."""
    finite = [p if 0 <= p < math.inf else 0.0 for p in probabilities]
    largest = max(finite, default=0.0)
    if len(finite) != len(Expression) or largest == 0:
        return one_hot(Expression.NEUTRAL)
    scaled = [p / largest for p in finite]  # the sum of huge numbers would overflow
    return tuple(p / sum(scaled) for p in scaled)


def mood_place(mood: Sequence[float]) -> Place:
    """Return the place of a mood: the mean place of the expressions, drawn to neutral by its entropy.

    An undecided vector carries little information, so it moves the music little: the place is multiplied by one less
    the entropy's share of its greatest value.
    """
    entropy = -sum(p * math.log(p) for p in mood if p > 0)
    certainty = max(0.0, 1 - entropy / math.log(len(Expression)))
    valence = sum(p * e.valence for p, e in zip(mood, Expression, strict=True))
    arousal = sum(p * e.arousal for p, e in zip(mood, Expression, strict=True))
    return certainty * valence, certainty * arousal


def targets(mood: Sequence[float], intent: Intent, count: int) -> list[Place]:
    """Return a place on the plane for each song of the list.

    "match" stays at the mood; "lift" and "calm" begin there and move towards a goal song by song (the iso principle of
    music therapy: Altshuler 1948).
    """
    start = mood_place(mood)
    if intent == "match":
        return [start] * count
    goal = _GOALS[intent]
    shares = [_PATH_SHARE * (n / (count - 1) if count > 1 else 0.5) for n in range(count)]
    return [(start[0] + s * (goal[0] - start[0]), start[1] + s * (goal[1] - start[1])) for s in shares]


def combine_scores(closeness: Floats, feedback: Floats, not_owned: Floats) -> Floats:
    """Return float64 (songs,), 0 to 1: rises with closeness and with feedback; `not_owned` (0 or 1) lowers it.

    closeness: 0 to 1. feedback: -1 (disliked) to 1 (liked).
    """
    liked, disliked = np.maximum(feedback, 0) / 2, np.maximum(-feedback, 0)
    base = closeness * (1 - disliked) * np.where(not_owned > 0, NOT_OWNED_FACTOR, 1.0)
    return np.asarray(base + (1 - base) * liked * closeness)


class _Ranking:
    """Songs that are taken one by one, each the best for its target after those before it."""

    def __init__(self, songs: Sequence[Track], feedback: Floats, seed: int, avoid_artists: Collection[str]) -> None:
        self._places = np.array([song.place for song in songs])
        self._sounds = np.array([_sound_features(song) for song in songs])
        self._genres = np.array([song.genre for song in songs])
        self._artists = [song.artist_key for song in songs]
        own = np.array([song.in_library for song in songs])
        self._not_owned = (~own & own.any()).astype(np.float64)
        self._feedback = feedback
        self._jitter = _JITTER * np.random.default_rng(seed).random(len(songs))
        self._similarity = np.zeros(len(songs))  # to the most similar of the songs that were taken
        self._avoided = np.array([artist in avoid_artists for artist in self._artists])
        self._taken: list[int] = []

    def take(self, place: Place) -> tuple[int, float]:
        """Return the number and score of the next song."""
        closeness = np.exp(-((self._places - place) ** 2) @ (1.0, AROUSAL_WEIGHT) / (2 * CLOSENESS_DEVIATION**2))
        score = combine_scores(closeness, self._feedback, self._not_owned)
        order = score - _VARIETY * self._similarity + self._jitter
        recent = {self._artists[number] for number in self._taken[-_ARTIST_GAP:]}
        order -= 10.0 * (self._avoided | np.array([artist in recent for artist in self._artists]))
        order[self._taken] = -np.inf
        best = int(order.argmax())
        self._taken.append(best)
        self._similarity = np.maximum(self._similarity, self._similarity_to(best))
        return best, float(score[best])

    def _similarity_to(self, number: int) -> Floats:
        """Return float64 (songs,), 0 to 1: half of it by sound, half by genre."""
        difference = np.abs(self._sounds - self._sounds[number]).mean(axis=1)
        genre = (self._genres == self._genres[number]) & (self._genres[number] != "")
        return np.asarray(0.5 * np.exp(-difference / 0.1) + 0.5 * genre)


def _sound_features(song: Track) -> tuple[float, ...]:
    """Return what distinguishes songs of one place, each about 0 to 1; the middle where it is not known."""
    tempo = 0.5 if song.tempo is None else song.tempo / 240
    dance = 0.5 if song.danceability is None else song.danceability
    acoustic = 0.5 if song.acousticness is None else song.acousticness
    decade = 0.5 if song.year is None else (song.year - 1960) / 70
    return tempo, dance, acoustic, decade


def explain(track: Track, mood: Sequence[float], intent: Intent, feedback: str = "") -> str:
    """Return one sentence: the mood, the song, and how the one leads to the other."""
    likeliest = sorted(zip(mood, Expression, strict=True), reverse=True)
    looks = " and ".join(f"{_LOOKS.get(e, e.label)} ({p:.0%})" for p, e in likeliest[:2] if p >= 0.1)
    valence, arousal = track.place
    song = f"{_word(valence, 'bleak', 'bittersweet', 'bright')} and {_word(arousal, 'calm', 'steady', 'driving')}"
    pace = "" if track.tempo is None else f" at {track.tempo:.0f} beats a minute"
    step = {"match": "close to that", "lift": "a step brighter", "calm": "a step calmer"}[intent]
    extra = [text for text in ("it is one of your own" if track.in_library else "", feedback) if text]
    return f"You look {looks}; this song is {song}{pace}, {step}{'; ' if extra else ''}{' and '.join(extra)}."


_LOOKS: Mapping[Expression, str] = {
    Expression.SURPRISE: "surprised",
    Expression.DISGUST: "disgusted",
    Expression.FEAR: "afraid",
}
"""The adjective of a label that is not one."""


def _word(value: float, low: str, middle: str, high: str) -> str:
    return low if value < -0.25 else high if value > 0.25 else middle
