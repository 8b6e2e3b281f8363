"""Read the command line's options for networks that were not trained with mien-train."""

from __future__ import annotations

from pathlib import Path

from mien.cli import Arguments
from mien.errors import UsageError
from mien_convert.adapt import Adaptation


def adaptation_from(args: Arguments) -> Adaptation:
    """Return the adaptation that --labels, --levels and --resize describe. Raises UsageError for a file of labels."""
    if args.labels is not None and "," not in args.labels and Path(args.labels).is_file():
        raise UsageError(
            f"--labels names the network's outputs in order; give {args.labels}, the labels of the data's folders, as "
            "--data-labels."
        )
    labels = None if args.labels is None else tuple(name.strip().lower() for name in args.labels.split(","))
    return Adaptation(labels, args.levels, args.resize)
