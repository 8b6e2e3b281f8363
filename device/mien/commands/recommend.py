"""Recommended songs: from the user's catalogue or the starter list, as JSON objects and as words."""

from __future__ import annotations

import time
from collections.abc import Sequence

from mien.config import Intent
from mien.errors import ConfigError
from mien.music.catalog.catalog import Catalog, default_path
from mien.music.catalog.starter import starter
from mien.music.recommend.query import select_songs
from mien.music.recommend.ranker import Recommendation, recommend


def choose(
    probabilities: Sequence[float], count: int, intent: Intent, seed: int | None = None, *, explicit: bool = True
) -> list[Recommendation]:
    """Songs for a mood from the user's catalogue; the starter list where there is none yet.

    Without a seed the list stays the same for a day, and is another the next. Raises InputError where the catalogue
    cannot be read.
    """
    now = time.time()
    seed = int(now // 86400) if seed is None else seed
    try:
        path = default_path()
    except ConfigError:  # where nothing can be kept, nothing was imported
        path = None
    if path is None or not path.is_file():
        return recommend(probabilities, starter(), count, intent, seed=seed, explicit=explicit)
    with Catalog(path) as catalog:
        return select_songs(catalog, probabilities, count, intent, now=now, seed=seed, explicit=explicit)


def as_object(choice: Recommendation) -> dict[str, object]:
    """The object of `mien recommend --json`."""
    track = choice.track
    return {
        "title": track.title,
        "artist": track.artist,
        "uri": track.uri,
        "valence": track.valence,
        "energy": track.energy,
        "score": choice.score,
        "why": choice.why,
    }


def in_words(choice: Recommendation) -> str:
    """Two lines for a person."""
    track = choice.track
    known = ", ".join(str(fact) for fact in (track.year, track.genre) if fact)
    return f"{track.title} by {track.artist}{f' ({known})' if known else ''}\n    {choice.why}"
