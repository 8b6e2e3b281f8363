"""`mien recommend`: songs for a photo or an expression, from the user's catalogue or the starter list."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from mien.commands.arguments import add_config, positive
from mien.commands.prior import add_prior, parse_prior
from mien.config import INTENTS, Intent
from mien.config_file import load_effective
from mien.errors import ConfigError, UsageError
from mien.events import one_hot
from mien.expression import LABELS, Expression
from mien.music.catalog.catalog import Catalog, default_path
from mien.music.catalog.starter import starter
from mien.music.recommend.query import select_songs
from mien.music.recommend.ranker import Recommendation, recommend


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `mien recommend`."""
    add_config(parser)
    parser.add_argument("photo", nargs="?", type=Path, metavar="PHOTO")
    parser.add_argument("--expression", metavar="LABEL", help=", ".join(LABELS))
    add_prior(parser)
    parser.add_argument("--count", type=positive, default=5, metavar="N", help="how many songs (default 5)")
    parser.add_argument("--intent", choices=INTENTS, default="match", help="default match")
    parser.add_argument("--seed", type=int, metavar="N", help="same seed, same list (default: one a day)")
    parser.add_argument("--no-explicit", action="store_true", help="leave out explicit songs")
    parser.add_argument("--json", action="store_true", help="print one JSON object a song")


def run(arguments: argparse.Namespace) -> None:
    """Print the songs; none where the photo has no face."""
    probabilities = _probabilities(arguments)
    if probabilities is None:
        print(f"No face in {arguments.photo}, so there is no mood to match.", file=sys.stderr)
        return
    for song in choose(
        probabilities, arguments.count, arguments.intent, arguments.seed, explicit=not arguments.no_explicit
    ):
        print(json.dumps(song_to_dict(song), ensure_ascii=False) if arguments.json else format_song(song))


def choose(
    probabilities: Sequence[float], count: int, intent: Intent, seed: int | None = None, *, explicit: bool = True
) -> list[Recommendation]:
    """Return songs for a mood from the user's catalogue, or from the starter list where there is none yet.

    Without a seed the list stays the same for a day. Raises InputError where the catalogue cannot be read.
    """
    now = time.time()
    seed = int(now // 86400) if seed is None else seed
    try:
        path = default_path()
    except ConfigError:  # where nothing can be stored, nothing was imported
        path = None
    if path is None or not path.is_file():
        return recommend(probabilities, starter(), count, intent, seed=seed, explicit=explicit)
    with Catalog(path) as catalog:
        return select_songs(catalog, probabilities, count, intent, now=now, seed=seed, explicit=explicit)


def song_to_dict(song: Recommendation) -> dict[str, object]:
    """Return the object of `mien recommend --json`."""
    track = song.track
    return {
        "title": track.title,
        "artist": track.artist,
        "uri": track.uri,
        "valence": track.valence,
        "energy": track.energy,
        "score": song.score,
        "why": song.why,
    }


def format_song(song: Recommendation) -> str:
    """Return two lines for a person."""
    track = song.track
    facts = ", ".join(str(fact) for fact in (track.year, track.genre) if fact)
    return f"{track.title} by {track.artist}{f' ({facts})' if facts else ''}\n    {song.why}"


def _probabilities(arguments: argparse.Namespace) -> tuple[float, ...] | None:
    """Return those of the photo's largest face or of the given expression; None where the photo has no face."""
    if (arguments.photo is None) == (arguments.expression is None):
        raise UsageError("Give either a photo or --expression.")
    if arguments.expression is not None:
        if arguments.expression not in LABELS:
            raise UsageError(f"There is no expression {arguments.expression!r}: use {', '.join(LABELS)}.")
        if arguments.prior != "even":
            raise UsageError("--prior is for photos: leave it out with --expression.")
        return one_hot(Expression.from_label(arguments.expression))
    from mien.commands.classify import open_photo_classifier  # an expression needs neither OpenCV nor a model

    classify = open_photo_classifier(load_effective(arguments.config), parse_prior(arguments.prior))
    faces = classify(arguments.photo)
    return faces[0][1].probabilities if faces else None
