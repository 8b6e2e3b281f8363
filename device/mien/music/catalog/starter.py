"""The starter list: songs to choose from before anything was imported."""

from __future__ import annotations

import csv
from importlib.resources import files

from mien.music.catalog import song_key
from mien.music.catalog.plane import Place
from mien.music.catalog.records import Track


def starter() -> list[Track]:
    """Return the starter list: well-known songs, placed by hand and ear, without values of a streaming service."""
    text = (files("mien") / "data" / "starter.csv").read_text(encoding="utf-8")
    return [
        Track(
            title=row["title"],
            artist=row["artist"],
            uri=None,
            year=int(row["year"]),
            language=row["language"],
            genre=row["genre"],
            valence=float(row["valence"]),
            energy=float(row["energy"]),
            tempo=float(row["tempo"]),
            place=_place_by_ear(float(row["valence"]), float(row["energy"]), float(row["tempo"])),
            track_id=song_key.song_key(row["title"], row["artist"]),
        )
        for row in csv.DictReader(text.splitlines())
    ]


def _place_by_ear(valence: float, energy: float, tempo: float) -> Place:
    """Return the place: arousal is energy with a tenth of tempo; values by ear need no correction."""
    pace = min(1.0, max(0.0, (tempo - 60) / 120))
    return 2 * valence - 1, 2 * (0.9 * energy + 0.1 * pace) - 1
