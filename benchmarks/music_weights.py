"""Compare a few round weightings of the features, on the training split of the ratings alone.

    python -m benchmarks.music_weights ../shared/music

Nothing is fitted: each side of the plane has its own feature at weight 1, and others, whose effect is published, at a
quarter, or not at all. `r` is the correlation over songs of place and rating, `lead` what the error of the
lists is below that of valence+energy nearest neighbours (see music_ratings), `smaller` the smaller of the two leads,
best first: the recommender is to be better in both. Each figure is the mean over four random halves of the songs, which
hangs less on single songs than one choice from all of them.

Weightings whose smaller leads are within about 0.03 of each other (half the width of music_ratings' interval) cannot be
distinguished on so few songs. mien.music.catalog.placement uses every feature whose sign is published.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from benchmarks.music_ratings import TABLE, Rated, choosers, errors, lists_of, moods, rated_songs
from numpy.typing import NDArray

from mien.music.catalog.catalog import Catalog
from mien.music.catalog.importer import import_table
from mien.music.catalog.placement import AROUSAL, VALENCE, PlacementModel
from mien.music.catalog.plane import Place
from mien.music.catalog.schema import FEATURES
from mien.music.recommend.ranker import mood_place

Weights = Mapping[str, float]

FEW = {"energy": 1.0, "tempo": 0.25, "acousticness": -0.25}
VALENCES: tuple[Weights, ...] = (
    VALENCE,
    {"valence": 1.0},
    {"valence": 1.0, "mode": 0.25, "danceability": 0.25},
    {**VALENCE, "energy": 0.25},
)
AROUSALS: tuple[Weights, ...] = (
    AROUSAL,
    {"energy": 1.0},
    FEW,
    {**FEW, "loudness": 0.25, "instrumentalness": -0.25, "speechiness": -0.25},
    {**AROUSAL, "valence": 0.25},
)
HALVES = 4


def places(catalog: Catalog, valence: Weights, arousal: Weights) -> dict[str, Place]:
    """Return {track_id: place} of all songs, as an import with these weights would give them."""
    rows = catalog.database.execute(f"SELECT key, {', '.join(FEATURES)} FROM song").fetchall()  # noqa: S608 - our own names
    table = np.array([row[1:] for row in rows], np.float64)  # None becomes NaN
    chunk = dict(zip(FEATURES, table.T, strict=True))
    model = PlacementModel(valence, arousal)
    model.fit_features(chunk)
    model.fit_sums(chunk)
    return {row[0]: (v, a) for row, (v, a) in zip(rows, model.transform(chunk).tolist(), strict=True)}


def halves(songs: int) -> list[NDArray[np.bool_]]:
    """Return which songs are in each random half: bool (songs,) each."""
    return [np.random.default_rng(seed).permutation(songs) < songs / 2 for seed in range(HALVES)]


def measure(rated: Rated) -> dict[str, float]:
    """Return correlations over songs, and leads of the lists, as means over halves."""
    parts = [_measure(rated.part(half)) for half in halves(len(rated.tracks))]
    return {name: round(float(np.mean([part[name] for part in parts])), 3) for name in parts[0]}


def _measure(rated: Rated) -> dict[str, float]:
    wanted = list(moods())
    targets, ones = np.array([mood_place(mood) for mood in wanted]), np.ones(len(rated.tracks))
    song_places = np.array([track.place for track in rated.tracks])
    r = [float(np.corrcoef(song_places[:, side], rated.ratings[:, side])[0, 1]) for side in (0, 1)]
    known = choosers(rated)
    nearest, ours = (
        errors(lists_of(known[name], wanted), rated.ratings, ones, targets) for name in ("valence+energy", "mien")
    )
    lead = nearest - ours
    return {"valence_lead": lead[0], "arousal_lead": lead[1], "valence_r": r[0], "arousal_r": r[1]}


def smaller(figures: Mapping[str, float]) -> float:
    """Return the smaller of the two leads."""
    return min(figures["valence_lead"], figures["arousal_lead"])


def main() -> None:
    """Print one JSON object a weighting."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the tables are")
    folder = parser.parse_args().folder
    if not (folder / TABLE).is_file():
        sys.exit(f"{folder / TABLE} is not there: give the folder with the tables.")
    results: list[tuple[dict[str, float], Weights, Weights]] = []
    with tempfile.TemporaryDirectory() as temporary, Catalog(Path(temporary) / "music.sqlite") as catalog:
        import_table(catalog, folder / TABLE, lambda _what, _share: None, now=0.0)
        everything = rated_songs(catalog, folder)
        train = everything.part(~everything.held_out)
        for valence, arousal in itertools.product(VALENCES, AROUSALS):
            placed = places(catalog, valence, arousal)
            moved = [replace(track, place=placed[track.track_id]) for track in train.tracks]
            results.append((measure(replace(train, tracks=moved)), valence, arousal))
    for figures, valence, arousal in sorted(results, key=lambda result: -smaller(result[0])):
        print(json.dumps({"smaller": smaller(figures), **figures, "valence": valence, "arousal": arousal}))


if __name__ == "__main__":
    main()
