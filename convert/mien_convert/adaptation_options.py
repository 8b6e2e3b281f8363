"""Read the command line's options for networks that were not trained with mien-train."""

from __future__ import annotations

from mien.cli import Arguments
from mien_convert.adapt import Adaptation


def adaptation_from(args: Arguments) -> Adaptation:
    """Return the adaptation that --labels, --levels and --resize describe."""
    labels = None if args.labels is None else tuple(name.strip().lower() for name in args.labels.split(","))
    return Adaptation(labels, args.levels, args.resize)
