"""Select songs for a mood from a catalogue file: its candidates songs and its history, passed to the ranker."""

from __future__ import annotations

from collections.abc import Sequence

from mien.config import Intent
from mien.music.catalog.catalog import Catalog
from mien.music.catalog.records import Track
from mien.music.catalog.starter import starter
from mien.music.recommend.ranker import Recommendation, normalize_probabilities, recommend, targets

WINDOW = 3 * 86400.0
"""Seconds for which a song that was played does not come again."""

ARTIST_REST = 3600.0
"""Seconds for which an artist who was played comes only if there is no other."""

_CANDIDATES = 120  # candidates for a list, so that jitter, variety and feedback have a choice
_SOURCES = ("library", "catalogue", "starter")


def select_songs(
    catalog: Catalog,
    probabilities: Sequence[float],
    count: int,
    intent: Intent = "match",
    *,
    now: float,
    seed: int = 0,
    explicit: bool = True,
    sources: Sequence[str] = _SOURCES,
) -> list[Recommendation]:
    """Return at most `count` songs for a mood, in the order to play them.

    now: seconds since 1970. sources: of library, catalogue and starter; the starter list is used where the others
    together give fewer songs than `count`. Raises InputError where the catalogue cannot be read.
    """
    mood = normalize_probabilities(probabilities)
    played, resting = catalog.played(now - WINDOW), catalog.artists_played(now - ARTIST_REST)
    places = list(dict.fromkeys(targets(mood, intent, count)))
    least = count + 20
    each = max(least, _CANDIDATES // max(1, len(places)))
    candidates: list[Track] = []
    if "library" in sources:
        own = each if "catalogue" not in sources else each // 2
        candidates += catalog.library(places, own, explicit=explicit, without=played)
    if "catalogue" in sources:
        others = max(least, each - len(candidates) // max(1, len(places)))
        candidates += catalog.candidates(places, others, explicit=explicit, without=played)
    if "starter" in sources and len({track.track_id for track in candidates}) < count:
        candidates = starter() + candidates  # the catalogue's features win over those set by hand
    return recommend(
        mood,
        candidates,
        count,
        intent,
        seed=seed,
        now=now,
        feedback=catalog.feedback(),
        avoid=played,
        avoid_artists=resting,
        explicit=explicit,
    )
