"""From a mood to songs out of a catalogue file: what the recommender needs of the past and the near, in one call."""

from __future__ import annotations

from collections.abc import Sequence

from mien.config import Intent
from mien.music.catalog.catalog import Catalog, Track, starter
from mien.music.recommend.ranker import Recommendation, recommend, sound, targets

WINDOW = 3 * 86400.0
"""Seconds for which a song that was played does not come again."""

ARTIST_REST = 3600.0
"""Seconds for which an artist who was played comes only if there is nobody else."""

_NEAR = 120  # candidates for a list, so that dice, variety and taste have a choice
_SOURCES = ("library", "catalogue", "starter")


def select(
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
    """At most `count` songs for a mood, in the order to play them.

    now: seconds since 1970. sources: of library, catalogue and starter; the starter list is used where the others
    together give fewer songs than asked for. Raises InputError where the catalogue cannot be read.
    """
    shares = sound(probabilities)
    played, resting = catalog.played(now - WINDOW), catalog.artists_played(now - ARTIST_REST)
    places = list(dict.fromkeys(targets(shares, intent, count)))
    least = count + 20
    each = max(least, _NEAR // max(1, len(places)))
    near: list[Track] = []
    if "library" in sources:
        own = each if "catalogue" not in sources else each // 2
        near += catalog.library(places, own, explicit=explicit, without=played)
    if "catalogue" in sources:
        others = max(least, each - len(near) // max(1, len(places)))
        near += catalog.candidates(places, others, explicit=explicit, without=played)
    if "starter" in sources and len({track.track_id for track in near}) < count:
        near = starter() + near  # the catalogue's own features win over those placed by hand
    return recommend(
        shares,
        near,
        count,
        intent,
        seed=seed,
        now=now,
        feedback=catalog.feedback(),
        avoid=played,
        avoid_artists=resting,
        explicit=explicit,
    )
