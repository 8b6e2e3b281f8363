"""Measure the time and memory of an import, a recommendation and a process, for 10 k, 100 k and 1 M songs.

    python benchmarks/music_speed.py [SONGS...]

Lists are timed by the processor time that they take, imports and whole processes by both clocks. Everything of a list
and of `mien recommend` is measured twice: for a new user, and for a heavy one, who has 10,000 songs of the catalogue in
the library, played 1,000 in the last three days (more than fit into them) and has 5,000 judgements.

The tables are generated (random features, one artist for twelve songs, a Spotify id each) in a temporary folder, which
needs 1 GB for a million songs.
"""

from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np

from mien.expression import Expression
from mien.music.catalog.catalog import Catalog, default_path
from mien.music.catalog.records import LibrarySong
from mien.music.recommend.query import WINDOW, select_songs

LETTERS = np.array(list("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"))
FEATURES = "valence,energy,danceability,acousticness,instrumentalness,speechiness,liveness"
LISTS = 50
LIBRARY, PLAYS, JUDGEMENTS = 10_000, 1_000, 5_000
NOW = 2e9  # the time at which the heavy user's lists are chosen, in seconds since 1970


def live() -> None:
    """Make the user a heavy one, who owns, played and judged songs from all over the catalogue."""
    rng = random.Random(1)  # noqa: S311 - no secrets here
    with Catalog(default_path()) as catalog:
        read = "SELECT spotify_id, isrc, title, artist FROM song WHERE id % ? = 0 LIMIT ?"
        step = max(1, len(catalog) // LIBRARY)
        catalog.merge_library(LibrarySong(*row) for row in catalog.database.execute(read, (step, LIBRARY)).fetchall())
        near = [(rng.uniform(-0.4, 0.4), rng.uniform(-0.4, 0.4)) for _ in range(20)]
        songs = [*catalog.library(near, 100), *catalog.candidates(near, 500)]
        moods = [[rng.expovariate(1) for _ in Expression] for _ in range(50)]
        with catalog.writing():
            for number in range(PLAYS):
                catalog.record_play(rng.choice(songs), rng.choice(moods), NOW - number * WINDOW / PLAYS)
            for number in range(JUDGEMENTS):
                catalog.record_feedback(rng.choice(songs), rng.choice(moods), rng.random(), NOW - number * 3600)


def lists() -> None:
    """Print the median processor time of a list of one and of ten songs, in ms, and the peak memory in MB."""
    rng = random.Random(0)  # noqa: S311 - no secrets here
    taken: dict[int, list[float]] = {1: [], 10: []}
    with Catalog(default_path()) as catalog:
        for seed in range(LISTS):
            shares = [rng.expovariate(1) ** 3 for _ in Expression]
            for count, times in taken.items():
                began = time.process_time()
                assert len(select_songs(catalog, shares, count, now=NOW, seed=seed)) == count
                times.append(1000 * (time.process_time() - began))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps([*(median(times) for times in taken.values()), peak]))


def make_table(path: Path, songs: int) -> None:
    """Write a CSV with the usual columns."""
    generator = np.random.default_rng(0)
    with path.open("w", encoding="utf-8") as file:
        file.write(f"track_id,track_name,artists,popularity,year,explicit,tempo,loudness,mode,{FEATURES}\n")
        for begin in range(0, songs, 10_000):
            count = min(10_000, songs - begin)
            names = LETTERS[generator.integers(0, len(LETTERS), (count, 22))]
            features = generator.beta(2, 2, (count, 7))
            facts = generator.integers(0, [100, 60, 2, 120, 2, max(1, songs // 12)], (count, 6))
            for number in range(count):
                popularity, year, explicit, pace, mode, artist = facts[number]
                sound = ",".join(f"{value:.4f}" for value in features[number])
                file.write(
                    f"{''.join(names[number])},Song number {begin + number},Artist {artist},{popularity},{1960 + year},"
                    f"{bool(explicit)},{60 + pace},-{pace / 4},{mode},{sound}\n"
                )


def measure(songs: int) -> dict[str, float]:
    """Return the figures for so many songs. Each step is a process of its own, for its own peak memory."""
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder, "songs.csv")
        make_table(table, songs)
        environment = os.environ | {"STATE_DIRECTORY": folder}
        imported = _run(["-m", "mien.cli", "music", "import", str(table)], environment)
        memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        table.unlink()
        size = Path(folder, "music.sqlite").stat().st_size / 2**20
        new = _user(environment)
        _run([__file__, "live"], environment)
        heavy = _user(environment)
    return {
        "songs": songs,
        "import_s": round(imported.wall, 1),
        "import_processor_s": round(imported.processor, 1),
        "import_mb": round(memory),
        "file_mb": round(size),
        **new,
        **{f"heavy_{name}": value for name, value in heavy.items()},
    }


def _user(environment: dict[str, str]) -> dict[str, float]:
    """Return the time and memory of lists and whole processes for the user of this state folder."""
    single, ten, peak = json.loads(_run([__file__, "lists"], environment).out)
    starts = [_run(["-m", "mien.cli", "recommend", "--expression", "happy"], environment) for _ in range(5)]
    return {
        "one_song_ms": round(single, 2),
        "ten_songs_ms": round(ten, 2),
        "recommender_mb": round(peak),
        "process_s": round(median(run.wall for run in starts), 2),
        "process_processor_s": round(median(run.processor for run in starts), 2),
    }


class Run(NamedTuple):
    """The output of a process, and the seconds of wall-clock and of processor time that it took."""

    out: str
    wall: float
    processor: float


def _run(arguments: list[str], environment: dict[str, str]) -> Run:
    """Run Python with these arguments. Raises CalledProcessError."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, *arguments]
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(done.stdout, time.perf_counter() - began, used)


if __name__ == "__main__":
    steps = {"live": live, "lists": lists}
    if sys.argv[1:2] and sys.argv[1] in steps:  # a step in a process of its own
        steps[sys.argv[1]]()
    else:
        for size in [int(argument) for argument in sys.argv[1:]] or [10_000, 100_000, 1_000_000]:
            print(json.dumps(measure(size)), flush=True)
