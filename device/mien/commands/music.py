"""The `mien music` commands: what is in the catalogue, what mien has learned, and how it got there."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

from mien.commands import plane
from mien.commands.progress import Progress
from mien.errors import InputError
from mien.events import certain
from mien.expression import Expression
from mien.music.catalog import song_key
from mien.music.catalog.catalog import Catalog, default_path
from mien.music.catalog.importer import ImportReport, import_table
from mien.music.catalog.records import LibraryReport, Track
from mien.music.catalog.starter import starter
from mien.music.recommend.feedback import FeedbackModel, preference


def import_file(path: Path) -> None:
    """mien music import: with progress on stderr, and an account of every row."""
    with Catalog(default_path()) as catalog, Progress(sys.stderr) as progress:
        report = import_table(catalog, path, progress, time.time())
        songs = len(catalog)
    print(imported_in_words(report, songs))


def imported_in_words(report: ImportReport, songs: int) -> str:
    """How many rows were taken, merged and refused, and why."""
    summary = (
        f"{report.taken:,} rows taken, {report.merged:,} of them merged with songs that were known or came twice;"
        f" {sum(report.refused.values()):,} refused. The catalogue has {songs:,} songs."
    )
    return "\n".join([summary, *(f"  refused: {count:,} with {reason}" for reason, count in report.refused.items())])


def synced_in_words(report: LibraryReport) -> str:
    """What `mien music sync` says when it has brought the user's songs."""
    lacking = report.songs - report.joined
    text = f"{report.songs:,} songs of your own, {report.joined:,} of them with features."
    return text if not lacking else f"{text} {lacking:,} wait for a table that has them: mien music import FILE."


def stats(svg: Path | None, as_json: bool) -> None:
    """mien music stats: counts, and where on the plane the songs are."""
    with _existing() as catalog:
        facts: dict[str, object] = {"file": str(catalog.path)} | asdict(catalog.summary())
        cells = catalog.cell_counts()
    if svg is not None:
        try:
            svg.write_text(plane.as_svg(cells), encoding="utf-8")
        except OSError as error:
            raise InputError(f"{svg} cannot be written: {error.strerror}.") from None
    if as_json:
        print(json.dumps(facts))
        return
    for name, value in facts.items():
        text = ", ".join(f"{k} {share:.0%}" for k, share in value.items()) if isinstance(value, dict) else value
        print(f"{name.replace('_', ' '):<22} {text}")
    print(f"\n{plane.in_words(cells)}")


def why(words: str) -> None:
    """mien music why: what was learned, of one song or of all."""
    with _existing() as catalog:
        print(_of_song(catalog, words) if words else _of_all(catalog))


def reset() -> None:
    """mien music reset: forget what was played and how it was received."""
    with _existing() as catalog:
        plays, judgements = len(catalog.recent(0.0)), catalog.count_feedback()
        catalog.reset()
    print(f"Forgot {plays:,} plays and {judgements:,} judgements. Songs and library stay.")


def _existing() -> Catalog:
    path = default_path()
    if not path.is_file():
        raise InputError("There is no catalogue yet, only the starter list: mien music import FILE makes one.")
    return Catalog(path)


def _of_song(catalog: Catalog, words: str) -> str:
    wanted = song_key.normalize(words).split()
    found = catalog.find(words, 3) or [
        track for track in starter() if all(word in track.track_id.replace("\t", " ") for word in wanted)
    ]
    if not found:
        raise InputError(f"No song in the catalogue has all of the words {words!r}: try fewer.")
    return "\n\n".join(_portrait(catalog, track) for track in found[:3])


def _portrait(catalog: Catalog, track: Track) -> str:
    """Where a song stands, and what its listener made of it in each mood."""
    valence, arousal = track.place
    lines = [
        f"{track.title} by {track.artist}{', one of your own' if track.in_library else ''}",
        f"  valence {track.valence:.2f} and energy {track.energy:.2f} in its table",
        f"  expected to be heard at valence {valence:+.2f}, arousal {arousal:+.2f}",
    ]
    feedback, now = catalog.feedback(), time.time()
    for expression in Expression:
        taste = FeedbackModel(feedback, certain(expression), now)
        [opinion] = taste.scores([track])
        if abs(opinion) > 0.05:
            says = taste.explain(track) or "songs like it were received so"
            lines.append(f"  {expression.label:<9} {opinion:+.2f}  {says}")
    if len(lines) == 3:
        lines.append("  nothing learned of it yet")
    plays = [play for play in catalog.recent(0.0) if play.track_id == track.track_id]
    lines += [f"  last played {time.strftime('%Y-%m-%d %H:%M', time.localtime(plays[0].at))}"] if plays else []
    return "\n".join(lines)


def _of_all(catalog: Catalog) -> str:
    """The latest judgements, the latest first."""
    latest = catalog.feedback(20)
    if not latest:
        return "Nothing learned yet: skip songs, or hear them out."
    lines = [f"{catalog.count_feedback():,} judgements; the latest:"]
    for item in latest:
        mood = Expression(max(range(len(item.probabilities)), key=item.probabilities.__getitem__)).label
        sign = "for" if preference(item.heard) > 0 else "against" if preference(item.heard) < 0 else "neither"
        lines.append(f"  {sign:<8} {item.title} ({item.heard:.0%} heard, {mood})")
    return "\n".join(lines)
