"""`mien music`: the catalogue of songs, the feedback on them, and the user's library."""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

from mien.commands import plane_plot
from mien.commands.arguments import add_config
from mien.commands.progress import Progress
from mien.config_file import load_effective
from mien.errors import InputError
from mien.events import most_probable, one_hot
from mien.expression import Expression
from mien.music.catalog import song_key
from mien.music.catalog.catalog import Catalog, default_path
from mien.music.catalog.importer import ImportReport, import_table
from mien.music.catalog.records import LibraryReport, Track
from mien.music.catalog.starter import starter
from mien.music.recommend.feedback import FeedbackModel, preference


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the actions of `mien music` and their arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    def add_action(name: str, text: str) -> argparse.ArgumentParser:
        return actions.add_parser(name, help=text, description=text)

    add_action("import", "Add a CSV or Parquet table of songs with their features.").add_argument(
        "file", type=Path, metavar="FILE"
    )
    stats = add_action("stats", "Show what the catalogue holds, and draw it on the valence-arousal plane.")
    stats.add_argument("--svg", type=Path, metavar="FILE", help="draw it into an SVG file too")
    stats.add_argument("--json", action="store_true", help="print one JSON object")
    add_config(add_action("sync", "Import your saved and most played songs from Spotify: ids and names, no features."))
    why = add_action("why", "Show the feedback from skips and from songs played to their end, on one song or on all.")
    why.add_argument("words", nargs="*", metavar="WORD")
    add_action("reset", "Delete the history of plays and the feedback; songs and library stay.")


def run(arguments: argparse.Namespace) -> None:
    """Run the action."""
    match arguments.action:
        case "import":
            import_file(arguments.file)
        case "stats":
            print_stats(arguments.svg, arguments.json)
        case "sync":
            from mien.commands.spotify import sync  # the other actions do not need Spotify's libraries

            print(format_sync(sync(load_effective(arguments.config).spotify)))
        case "why":
            print_feedback(" ".join(arguments.words))
        case _:
            reset()


def import_file(path: Path) -> None:
    """Import a table with progress on stderr, and print an account of every row."""
    with Catalog(default_path()) as catalog, Progress(sys.stderr) as progress:
        report = import_table(catalog, path, progress, time.time())
        songs = len(catalog)
    print(format_import(report, songs))


def format_import(report: ImportReport, songs: int) -> str:
    """Return how many rows were taken, merged and refused, and for each reason the first of them."""
    summary = (
        f"{report.taken:,} rows taken, {report.merged:,} of them merged with songs that were known or came twice;"
        f" {sum(report.refused.values()):,} refused. The catalogue has {songs:,} songs."
    )
    refused = [
        f"  refused: {count:,} with {reason} ({report.examples[reason]})" for reason, count in report.refused.items()
    ]
    return "\n".join([summary, *refused])


def format_sync(report: LibraryReport) -> str:
    """Return how many songs the library has, and how many of them have features."""
    lacking = report.songs - report.joined
    text = f"{report.songs:,} songs of your own, {report.joined:,} of them with features."
    return text if not lacking else f"{text} {lacking:,} wait for a table that has them: mien music import FILE."


def print_stats(svg: Path | None, as_json: bool) -> None:
    """Print counts, and plot the songs on the plane."""
    with _existing() as catalog:
        facts: dict[str, object] = {"file": str(catalog.path)} | asdict(catalog.summary())
        cells = catalog.cell_counts()
    if svg is not None:
        try:
            svg.write_text(plane_plot.plane_to_svg(cells), encoding="utf-8")
        except OSError as error:
            raise InputError(f"{svg} cannot be written: {error.strerror}.") from None
    if as_json:
        print(json.dumps(facts))
        return
    for name, value in facts.items():
        text = ", ".join(f"{k} {share:.0%}" for k, share in value.items()) if isinstance(value, dict) else value
        print(f"{name.replace('_', ' '):<22} {text}")
    print(f"\n{plane_plot.format_plane(cells)}")


def print_feedback(text: str) -> None:
    """Print the feedback on the songs whose title and artist contain the words of a text, or the latest on all."""
    with _existing() as catalog:
        print(_format_songs(catalog, text) if text else _format_latest_feedback(catalog))


def reset() -> None:
    """Delete the history of plays and the feedback."""
    with _existing() as catalog:
        plays, judgements = len(catalog.recent(0.0)), catalog.count_feedback()
        catalog.reset()
    print(f"Deleted {plays:,} plays and {judgements:,} judgements. Songs and library stay.")


def _existing() -> Catalog:
    path = default_path()
    if not path.is_file():
        raise InputError("There is no catalogue yet, only the starter list: mien music import FILE makes one.")
    return Catalog(path)


def _format_songs(catalog: Catalog, text: str) -> str:
    normalized = song_key.normalize(text).split()
    tracks = catalog.find(text, 3) or [
        track for track in starter() if all(word in track.track_id.replace("\t", " ") for word in normalized)
    ]
    if not tracks:
        raise InputError(f"No song in the catalogue has all of the words {text!r}: try fewer.")
    return "\n\n".join(_format_song(catalog, track) for track in tracks[:3])


def _format_song(catalog: Catalog, track: Track) -> str:
    """Return where a song is placed, and the feedback on it in each mood."""
    valence, arousal = track.place
    lines = [
        f"{track.title} by {track.artist}{', one of your own' if track.in_library else ''}",
        f"  valence {track.valence:.2f} and energy {track.energy:.2f} in its table",
        f"  placed at valence {valence:+.2f}, arousal {arousal:+.2f}",
    ]
    feedback, now = catalog.feedback(), time.time()
    for expression in Expression:
        model = FeedbackModel(feedback, one_hot(expression), now)
        [score] = model.scores([track])
        if abs(score) > 0.05:
            reason = model.explain(track) or "from feedback on similar songs"
            lines.append(f"  {expression.label:<9} {score:+.2f}  {reason}")
    if len(lines) == 3:
        lines.append("  nothing learned of it yet")
    plays = [play for play in catalog.recent(0.0) if play.track_id == track.track_id]
    lines += [f"  last played {time.strftime('%Y-%m-%d %H:%M', time.localtime(plays[0].at))}"] if plays else []
    return "\n".join(lines)


def _format_latest_feedback(catalog: Catalog) -> str:
    """Return the latest judgements, the latest first."""
    latest = catalog.feedback(20)
    if not latest:
        return "Nothing learned yet: skip songs, or let them play to their end."
    lines = [f"{catalog.count_feedback():,} judgements; the latest:"]
    for item in latest:
        mood = most_probable(item.probabilities).label
        sign = "for" if preference(item.heard) > 0 else "against" if preference(item.heard) < 0 else "neither"
        lines.append(f"  {sign:<8} {item.title} ({item.heard:.0%} played, {mood})")
    return "\n".join(lines)
