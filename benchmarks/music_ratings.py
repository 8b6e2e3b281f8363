"""Measure whether lists fit the mood that listeners rated, against random songs and nearest neighbours.

    python -m benchmarks.music_ratings ../shared/music

The songs are those of tracks_26k_placeholder_ids.csv that join the rated songs of deezer_mood_*.csv (Delbouys et al.
2018) by title and artist. For every mood a list of 20 is chosen from them, and the mean rating of the list is compared
with the mood's place on the circumplex. Ratings are percentiles of all joined songs, spread over -1 to 1. No weight
is fitted to ratings: those of mien.music.catalog.placement are round, and other round ones are compared with them on
the training split alone (music_weights).

`error` is the mean distance, `pure` that over the seven expressions by themselves, `song` the mean distance of single
songs, `r` the correlation over moods, `lead` the error of valence+energy less that of the recommender. `95` is of a
bootstrap over songs, the lists being as they are: once as the plain percentiles, and once corrected for their bias
(Efron 1981). The bias is real: a distance cannot be below 0, so the noise that resampling adds raises the error of
lists that are close more than that of lists that are not. The figures of variety are documented at `variety`.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from mien.expression import Expression
from mien.music.catalog.catalog import Catalog
from mien.music.catalog.importer import import_table
from mien.music.catalog.records import Track
from mien.music.catalog.song_key import song_key
from mien.music.recommend.ranker import mood_place, recommend

Floats = NDArray[np.float64]
Chooser = Callable[[Sequence[float], int], list[int]]
"""A mood and a seed to the numbers of the chosen songs."""

TABLE = "tracks_26k_placeholder_ids.csv"
COUNT = 20
SEEDS = 5
ROUNDS = 2000  # of the bootstrap


@dataclass(frozen=True)
class Rated:
    """Songs of the catalogue with their ratings: float64 (songs, 2), valence and arousal, -1 to 1."""

    tracks: list[Track]
    ratings: Floats
    held_out: NDArray[np.bool_]

    def part(self, chosen: NDArray[np.bool_]) -> Rated:
        """Return the songs for which `chosen`, bool (songs,), is true."""
        tracks = [track for track, wanted in zip(self.tracks, chosen, strict=True) if wanted]
        return Rated(tracks, self.ratings[chosen], self.held_out[chosen])


def join(folder: Path) -> Rated:
    """Import the table as a user would, and join the ratings."""
    with tempfile.TemporaryDirectory() as temporary, Catalog(Path(temporary) / "music.sqlite") as catalog:
        import_table(catalog, folder / TABLE, lambda _what, _share: None, now=0.0)
        return rated_songs(catalog, folder)


def rated_songs(catalog: Catalog, folder: Path) -> Rated:
    """Return the catalogue's songs that have ratings."""
    ratings: dict[str, tuple[float, float, bool]] = {}
    for split in ("train", "validation", "test"):
        with (folder / f"deezer_mood_{split}.csv").open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                key = song_key(row["track_name"], row["artist_name"])
                ratings.setdefault(key, (float(row["valence"]), float(row["arousal"]), split != "train"))
    everything = sorted(catalog.candidates([(0.0, 0.0)], 10**6), key=lambda track: track.track_id)
    tracks = [track for track in everything if track.track_id in ratings]
    values = np.array([ratings[track.track_id] for track in tracks])
    return Rated(tracks, np.stack([spread(values[:, 0]), spread(values[:, 1])], axis=1), values[:, 2] > 0)


def spread(values: Floats) -> Floats:
    """Return the percentiles of the values, -1 to 1."""
    return np.asarray(2 * values.argsort().argsort() / (len(values) - 1) - 1)


def moods() -> Iterator[tuple[float, ...]]:
    """Yield every expression by itself, and every one with a second that is a third as likely."""
    for one in Expression:
        yield tuple(float(e == one) for e in Expression)
    for one, other in itertools.permutations(Expression, 2):
        yield tuple(0.75 * (e == one) + 0.25 * (e == other) for e in Expression)


def choosers(rated: Rated) -> dict[str, Chooser]:
    """Return the recommender and what it is compared with."""
    raw = np.array([(2 * track.valence - 1, 2 * track.energy - 1) for track in rated.tracks])
    number = {track.track_id: n for n, track in enumerate(rated.tracks)}

    def nearest(dimensions: int) -> Chooser:
        def choose(mood: Sequence[float], _seed: int) -> list[int]:
            difference = raw[:, :dimensions] - np.array(mood_place(mood))[:dimensions]
            return [int(n) for n in (difference**2).sum(axis=1).argsort()[:COUNT]]

        return choose

    return {
        "random": lambda mood, seed: [
            int(n) for n in np.random.default_rng([seed, *(int(100 * p) for p in mood)]).permutation(len(raw))[:COUNT]
        ],
        "valence": nearest(1),
        "valence+energy": nearest(2),
        "mien": lambda mood, seed: [number[c.track.track_id] for c in recommend(mood, rated.tracks, COUNT, seed=seed)],
    }


def errors(lists: NDArray[np.int64], ratings: Floats, weights: Floats, places: Floats) -> Floats:
    """Return float64 (2,): the mean distance of a list's mean rating from the mood's place, in valence and in arousal.

    lists: (moods, seeds, songs) numbers of songs. weights: how often each song counts.
    """
    share = weights[lists]
    means = (ratings[lists] * share[..., None]).sum(axis=2) / share.sum(axis=2)[..., None]
    return np.asarray(np.abs(means - places[:, None]).mean(axis=(0, 1)))


def lists_of(choose: Chooser, wanted: Sequence[Sequence[float]]) -> NDArray[np.int64]:
    """Return int64 (moods, seeds, songs): numbers of songs."""
    return np.array([[choose(mood, seed) for seed in range(SEEDS)] for mood in wanted])


def report(rated: Rated) -> dict[str, object]:
    """Return the errors of every chooser, and the recommender's lead over valence+energy, bootstrapped over songs."""
    wanted = list(moods())
    places = np.array([mood_place(mood) for mood in wanted])
    lists = {name: lists_of(choose, wanted) for name, choose in choosers(rated).items()}
    ones = np.ones(len(rated.tracks))
    result: dict[str, object] = {"songs": len(rated.tracks), "moods": len(wanted)}
    for name, chosen in lists.items():
        result[name] = {**accuracy(chosen, rated.ratings, places), **variety(rated, chosen)}

    def lead(weights: Floats) -> Floats:
        nearest, ours = (errors(lists[name], rated.ratings, weights, places) for name in ("valence+energy", "mien"))
        return nearest - ours

    generator = np.random.default_rng(0)
    draws = (np.asarray(generator.multinomial(len(ones), ones / len(ones)), np.float64) + 1e-9 for _ in range(ROUNDS))
    leads = np.array([lead(weights) for weights in draws])
    for number, name in enumerate(("valence", "arousal")):
        result[f"{name}_lead"] = intervals(float(lead(ones)[number]), leads[:, number])
    return result


def accuracy(lists: NDArray[np.int64], ratings: Floats, places: Floats) -> dict[str, float]:
    """Return how near lists are to the places of their moods, in valence and in arousal."""
    ones, pure = np.ones(len(ratings)), slice(len(Expression))
    songs = np.abs(ratings[lists] - places[:, None, None]).mean(axis=(0, 1, 2))
    means = ratings[lists].mean(axis=(1, 2))
    figures: dict[str, Sequence[float] | Floats] = {
        "error": errors(lists, ratings, ones, places),
        "pure": errors(lists[pure], ratings, ones, places[pure]),
        "song": songs,
        "r": [np.corrcoef(means[:, side], places[:, side])[0, 1] for side in (0, 1)],
    }
    return {
        f"{side}_{name}": round(float(values[number]), 3)
        for name, values in figures.items()
        for number, side in enumerate(("valence", "arousal"))
    }


def intervals(lead: float, drawn: Floats) -> dict[str, object]:
    """Return the lead, and 95 % of its bootstrap: plain percentiles, and those corrected for bias."""
    normal = NormalDist()
    bias = normal.inv_cdf(min(0.999, max(0.001, float((drawn < lead).mean()))))
    corrected = [100 * normal.cdf(2 * bias + sign * 1.96) for sign in (-1, 1)]
    return {
        "lead": round(lead, 3),
        "95": np.percentile(drawn, [2.5, 97.5]).round(3).tolist(),
        "95_corrected": np.percentile(drawn, corrected).round(3).tolist(),
    }


def variety(rated: Rated, lists: NDArray[np.int64]) -> dict[str, float]:
    """Return how lists vary. lists: (moods, seeds, songs) numbers of songs.

    artists and genres: how many a list has. fresh: the share of a list that was not in the one of the seed before.
    coverage: the share of all songs that come in any list.
    """
    flat = lists.reshape(-1, COUNT)
    fresh = [
        len(set(after) - set(before)) / COUNT for seeds in lists.tolist() for before, after in itertools.pairwise(seeds)
    ]
    return {
        "artists": round(float(np.mean([len({rated.tracks[n].artist_key for n in row}) for row in flat])), 1),
        "genres": round(float(np.mean([len({rated.tracks[n].genre for n in row}) for row in flat])), 1),
        "fresh": round(float(np.mean(fresh)), 2),
        "coverage": round(len(set(lists.ravel().tolist())) / len(rated.tracks), 2),
    }


def main() -> None:
    """Print one JSON object a part of the ratings."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the tables are")
    folder = parser.parse_args().folder
    if not (folder / TABLE).is_file():
        sys.exit(f"{folder / TABLE} is not there: give the folder with the tables.")
    rated = join(folder)
    everything = np.ones(len(rated.tracks), np.bool_)
    for name, part in (("all", everything), ("validation and test", rated.held_out), ("train", ~rated.held_out)):
        print(json.dumps({"part": name, **report(rated.part(part))}))


if __name__ == "__main__":
    main()
