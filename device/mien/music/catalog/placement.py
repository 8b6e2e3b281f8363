"""Place songs on the valence-arousal plane: by all their features, as percentiles of the catalogue.

A feature's raw value means little: half of all songs have an energy above 0.7, and services measure differently. Its
rank among the catalogue's songs shows which songs are calmer than which. The weights are fixed, and were not fitted to
data. Their signs are published: faster, louder and brighter music is heard as more aroused, fast, regular and major
music as happier (Gabrielsson & Lindstrom, "The role of structure in the musical expression of emotions", 2010; Eerola,
Friberg & Bresin, Frontiers in Psychology 4:487, 2013); music that people move to is more danceable and louder, and less
acoustic, instrumental and spoken, than other music (Duman et al., PLoS ONE 17:e0275228, 2022); a live performance moves
them more than a recording (Swarbrick et al., Frontiers in Psychology 9:2682, 2019). Each side's own feature counts in
full and every other one a quarter, as unit weights predict about as well as fitted ones (Dawes, American Psychologist
34, 1979). `python -m benchmarks.music_weights` compares other round weights with them on the training split of a set of
ratings.

Features explain only part of how people rate music: the published correlations of valence and energy with ratings begin
at 0.4. So a song at the edge of the plane by its features is rated, on average, four tenths of the way out (regression
to the mean), and that is where it is placed: places reach from -MAX_REACH to MAX_REACH.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mien.music.catalog.plane import MAX_REACH

Floats = NDArray[np.float64]

VALENCE: Mapping[str, float] = {"valence": 1.0, "mode": 0.25, "tempo": 0.25, "danceability": 0.25}
AROUSAL: Mapping[str, float] = {
    "energy": 1.0,
    **dict.fromkeys(("tempo", "danceability", "loudness", "liveness"), 0.25),
    **dict.fromkeys(("acousticness", "instrumentalness", "speechiness"), -0.25),
}
PLACEMENT_FEATURES = tuple(dict.fromkeys((*VALENCE, *AROUSAL)))
"""The features that determine a place. A missing one counts as the median."""

_RANGES: Mapping[str, tuple[float, float]] = {
    "tempo": (0.0, 300.0),
    "loudness": (-60.0, 0.0),
}  # beats a minute, dB; all others 0 to 1
_BINS = 4096


class Percentiles:
    """Ranks among all values that were added, in constant memory: a histogram of 4096 bins."""

    def __init__(self, low: float = 0.0, high: float = 1.0) -> None:
        self._low, self._high = low, high
        self._counts = np.zeros(_BINS)

    def add(self, values: Floats) -> None:
        """Count values; NaN is skipped."""
        self._counts += np.bincount(self._bins(values[~np.isnan(values)]), minlength=_BINS)

    def ranks(self, values: Floats) -> Floats:
        """Return the share of added values below each value, half of its own bin counted: 0 to 1; 0.5 for NaN."""
        below = np.cumsum(self._counts) - self._counts / 2
        known = ~np.isnan(values)
        ranks = np.full(len(values), 0.5)
        ranks[known] = (below / max(1.0, self._counts.sum()))[self._bins(values[known])]
        return ranks

    def _bins(self, values: Floats) -> NDArray[np.int64]:
        scaled = (values - self._low) / (self._high - self._low) * _BINS
        return np.clip(scaled, 0, _BINS - 1).astype(np.int64)


class PlacementModel:
    """Fits a catalogue in two passes, and places its songs in a third. A chunk: {feature: values, NaN for none}."""

    def __init__(self, valence: Mapping[str, float] = VALENCE, arousal: Mapping[str, float] = AROUSAL) -> None:
        self._weights = valence, arousal
        self._features = {name: Percentiles(*_RANGES.get(name, (0.0, 1.0))) for name in (*valence, *arousal)}
        self._valence, self._arousal = Percentiles(-2, 2), Percentiles(-2, 2)

    def fit_features(self, chunk: Mapping[str, Floats]) -> None:
        """Fit the distribution of each feature."""
        for name, percentiles in self._features.items():
            percentiles.add(chunk[name])

    def fit_sums(self, chunk: Mapping[str, Floats]) -> None:
        """Fit the distributions of the weighted sums."""
        valence, arousal = self._sums(chunk)
        self._valence.add(valence)
        self._arousal.add(arousal)

    def transform(self, chunk: Mapping[str, Floats]) -> Floats:
        """Return float64 (songs, 2): valence and arousal, each spread evenly over -MAX_REACH to MAX_REACH."""
        valence, arousal = self._sums(chunk)
        ranks = np.stack([self._valence.ranks(valence), self._arousal.ranks(arousal)], axis=1)
        return ranks * 2 * MAX_REACH - MAX_REACH

    def _sums(self, chunk: Mapping[str, Floats]) -> tuple[Floats, Floats]:
        ranks = {name: percentiles.ranks(chunk[name]) - 0.5 for name, percentiles in self._features.items()}
        valence, arousal = (sum(weight * ranks[name] for name, weight in each.items()) for each in self._weights)
        return np.asarray(valence), np.asarray(arousal)


def to_chunk(rows: Iterable[Sequence[float | None]]) -> dict[str, Floats]:
    """Return rows of the values of PLACEMENT_FEATURES as a chunk."""
    table = np.array(list(rows), np.float64).reshape(-1, len(PLACEMENT_FEATURES))  # None becomes NaN
    return dict(zip(PLACEMENT_FEATURES, table.T, strict=True))
