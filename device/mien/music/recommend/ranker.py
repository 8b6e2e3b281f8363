"""Choosing songs for a mood. Pure: probabilities, tracks and history in, songs in order and the reason for each out."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.config import Intent
from mien.events import one_hot
from mien.expression import Expression
from mien.music.catalog.catalog import Feedback, Track
from mien.music.catalog.plane import AROUSAL_COUNTS, Place
from mien.music.recommend.feedback import FeedbackModel

Floats = NDArray[np.float64]

REACH = 0.35
"""Standard deviation, on the plane, of closeness: songs within it of a place fit the place."""

STRANGER = 0.7
"""What closeness is worth in a song that is not the user's own, where own songs are to be had."""

_GOALS: dict[str, Place] = {"lift": (Expression.HAPPY.valence, Expression.HAPPY.arousal), "calm": (0.45, -0.55)}
_CLIMB = 0.8  # how far towards its goal a list's last song stands: a step too far would leave the listener behind
_VARIETY = 0.1  # what likeness to the songs before costs (maximal marginal relevance: Carbonell & Goldstein 1998)
_WHIM = 0.1  # the dice's share in the order: what may change from day to day without leaving the mood
_ARTIST_GAP = 10  # songs


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A song, how well it fits (0 to 1, 1 being the very place), and why, in plain words."""

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
    """The best songs, at most `count`, in the order to play them; the same arguments give the same list.

    avoid: track_ids that are not to come (played too lately). avoid_artists: artist keys that come only where there is
    nobody else; so does an artist of the ten songs before. explicit: False leaves out explicit songs. now: seconds
    since 1970, for the age of the feedback.
    """
    shares = sound(probabilities)
    left = {t.track_id: t for t in tracks if t.track_id not in avoid and (explicit or not t.explicit)}
    songs = [left[key] for key in sorted(left)]  # the order in which tracks are given does not count
    if not songs:
        return []
    taste = FeedbackModel(feedback, shares, now)
    ranking = _Ranking(songs, taste.opinions(songs), seed, avoid_artists)
    path = targets(shares, intent, count)
    choices = []
    for target in path[: len(songs)]:
        number, score = ranking.take(target)
        why = explain(songs[number], shares, "match" if target == path[0] else intent, taste.says(songs[number]))
        choices.append(Recommendation(songs[number], round(score, 4), why))
    return choices


def sound(probabilities: Sequence[float]) -> tuple[float, ...]:
    """The shares made to add up to 1: what is no number or negative counts as 0, nothing at all as neutral."""
    shares = [p if 0 <= p < math.inf else 0.0 for p in probabilities]
    largest = max(shares, default=0.0)
    if len(shares) != len(Expression) or largest == 0:
        return one_hot(Expression.NEUTRAL)
    scaled = [p / largest for p in shares]  # the sum of huge numbers would overflow
    return tuple(p / sum(scaled) for p in scaled)


def mood_place(shares: Sequence[float]) -> Place:
    """Where a mood stands: the mean place of the expressions, drawn to neutral by its entropy.

    An undecided vector says little, so it is to move the music little: the place is multiplied by one less the
    entropy's share of its greatest value.
    """
    entropy = -sum(p * math.log(p) for p in shares if p > 0)
    sure = max(0.0, 1 - entropy / math.log(len(Expression)))
    valence = sum(p * e.valence for p, e in zip(shares, Expression, strict=True))
    arousal = sum(p * e.arousal for p, e in zip(shares, Expression, strict=True))
    return sure * valence, sure * arousal


def targets(shares: Sequence[float], intent: Intent, count: int) -> list[Place]:
    """A place on the plane for each song of the list.

    "match" stays at the mood; "lift" and "calm" begin there and move towards a goal song by song (the iso principle of
    music therapy: Altshuler 1948).
    """
    start = mood_place(shares)
    if intent == "match":
        return [start] * count
    goal = _GOALS[intent]
    steps = [_CLIMB * (n / (count - 1) if count > 1 else 0.5) for n in range(count)]
    return [(start[0] + s * (goal[0] - start[0]), start[1] + s * (goal[1] - start[1])) for s in steps]


def scores(closeness: Floats, opinions: Floats, strange: Floats) -> Floats:
    """float64 (songs,), 0 to 1: rises with closeness and with opinion; `strange` (0 or 1) lowers it."""
    liked, disliked = np.maximum(opinions, 0) / 2, np.maximum(-opinions, 0)
    plain = closeness * (1 - disliked) * np.where(strange > 0, STRANGER, 1.0)
    return np.asarray(plain + (1 - plain) * liked * closeness)


class _Ranking:
    """Songs that are taken one by one, each the best for its aim after those before it."""

    def __init__(self, songs: Sequence[Track], opinions: Floats, seed: int, avoid_artists: Collection[str]) -> None:
        self._places = np.array([song.place for song in songs])
        self._sounds = np.array([_sound(song) for song in songs])
        self._genres = np.array([song.genre for song in songs])
        self._artists = [song.artist_key for song in songs]
        own = np.array([song.in_library for song in songs])
        self._strange = (~own & own.any()).astype(np.float64)
        self._opinions = opinions
        self._whim = _WHIM * np.random.default_rng(seed).random(len(songs))
        self._alike = np.zeros(len(songs))  # to the most alike of the songs that were taken
        self._late = np.array([artist in avoid_artists for artist in self._artists])
        self._taken: list[int] = []

    def take(self, place: Place) -> tuple[int, float]:
        """The number and score of the next song."""
        closeness = np.exp(-((self._places - place) ** 2) @ (1.0, AROUSAL_COUNTS) / (2 * REACH**2))
        score = scores(closeness, self._opinions, self._strange)
        order = score - _VARIETY * self._alike + self._whim
        lately = {self._artists[number] for number in self._taken[-_ARTIST_GAP:]}
        order -= 10.0 * (self._late | np.array([artist in lately for artist in self._artists]))
        order[self._taken] = -np.inf
        best = int(order.argmax())
        self._taken.append(best)
        self._alike = np.maximum(self._alike, self._likeness(best))
        return best, float(score[best])

    def _likeness(self, number: int) -> Floats:
        """float64 (songs,), 0 to 1: half of it the sound, half the genre."""
        apart = np.abs(self._sounds - self._sounds[number]).mean(axis=1)
        genre = (self._genres == self._genres[number]) & (self._genres[number] != "")
        return np.asarray(0.5 * np.exp(-apart / 0.1) + 0.5 * genre)


def _sound(song: Track) -> tuple[float, ...]:
    """What tells songs of one place apart, each about 0 to 1; the middle where it is not known."""
    tempo = 0.5 if song.tempo is None else song.tempo / 240
    dance = 0.5 if song.danceability is None else song.danceability
    acoustic = 0.5 if song.acousticness is None else song.acousticness
    decade = 0.5 if song.year is None else (song.year - 1960) / 70
    return tempo, dance, acoustic, decade


def explain(track: Track, shares: Sequence[float], intent: Intent, known: str = "") -> str:
    """One sentence: what was seen, what the song is, and how the one leads to the other."""
    seen = sorted(zip(shares, Expression, strict=True), reverse=True)
    looks = " and ".join(f"{_LOOKS.get(e, e.label)} ({p:.0%})" for p, e in seen[:2] if p >= 0.1)
    valence, arousal = track.place
    song = f"{_word(valence, 'bleak', 'bittersweet', 'bright')} and {_word(arousal, 'calm', 'steady', 'driving')}"
    pace = "" if track.tempo is None else f" at {track.tempo:.0f} beats a minute"
    step = {"match": "close to that", "lift": "a step brighter", "calm": "a step calmer"}[intent]
    extra = [text for text in ("it is one of your own" if track.in_library else "", known) if text]
    return f"You look {looks}; this song is {song}{pace}, {step}{'; ' if extra else ''}{' and '.join(extra)}."


_LOOKS = {Expression.SURPRISE: "surprised", Expression.DISGUST: "disgusted", Expression.FEAR: "afraid"}
"""How one looks, where the label is no adjective."""


def _word(value: float, low: str, middle: str, high: str) -> str:
    return low if value < -0.25 else high if value > 0.25 else middle
