"""Places on the plane, by the features of all songs."""

from __future__ import annotations

import numpy as np
import pytest

from mien.music.catalog.catalog import Catalog
from mien.music.catalog.plane import MAX_REACH
from mien.music.catalog.schema import FEATURES
from tests.fakes.song_tables import HEADING, ImportTable


def test_places_are_percentiles(catalog: Catalog, take: ImportTable) -> None:
    """However squeezed the raw values are, places spread over what features reach, in the order of the values."""
    rows = [f",Song {n},Artist {n},,{0.4 + n / 10000},{0.9 - n / 10000},120,0,," for n in range(400)]
    take("\n".join([HEADING, *rows]))
    tracks = sorted(catalog.candidates([(0, 0)], 1000), key=lambda t: t.valence)
    assert len(tracks) == 400
    assert tracks[0].place[0] < -0.9 * MAX_REACH
    assert tracks[-1].place[0] > 0.9 * MAX_REACH
    assert [t.place[0] for t in tracks] == sorted(t.place[0] for t in tracks)
    assert [t.place[1] for t in tracks] == sorted((t.place[1] for t in tracks), reverse=True)


@pytest.mark.parametrize(
    ("feature", "brighter", "livelier"),
    [
        ("valence", 1, 0),
        ("mode", 1, 0),
        ("tempo", 1, 1),
        ("danceability", 1, 1),
        ("energy", 0, 1),
        ("loudness", 0, 1),
        ("liveness", 0, 1),
        ("acousticness", 0, -1),
        ("instrumentalness", 0, -1),
        ("speechiness", 0, -1),
    ],
)
def test_every_feature_counts(catalog: Catalog, take: ImportTable, feature: str, brighter: int, livelier: int) -> None:
    """More of one feature, all else equal, moves a song as is published; a song without it stands between."""
    low, high = {"mode": (0, 1), "tempo": (80, 160), "loudness": (-20, -5)}.get(feature, (0.2, 0.8))
    plain = dict.fromkeys(FEATURES, "") | {"valence": "0.5", "energy": "0.5"}
    rows = [plain | {feature: str(value)} for value in [low] * 9 + [high] * 9]
    if feature not in {"valence", "energy"}:  # without these two there is no song
        rows.append(plain)
    lines = (f"Song {n:02d},Artist {n}," + ",".join(row.values()) for n, row in enumerate(rows))
    take("\n".join([f"title,artist,{','.join(FEATURES)}", *lines]))
    places = [t.place for t in sorted(catalog.candidates([(0, 0)], 100), key=lambda t: t.title)]
    assert np.sign(np.subtract(places[9], places[0])).tolist() == [brighter, livelier]
    for side in (0, 1):
        ends = sorted((places[0][side], places[9][side]))
        assert all(ends[0] <= place[side] <= ends[1] for place in places[18:])
