"""Songs selected from a catalogue file."""

from __future__ import annotations

from mien.music.catalog.catalog import Catalog
from mien.music.catalog.records import LibrarySong
from mien.music.catalog.starter import starter
from mien.music.recommend.query import WINDOW, select_songs
from tests.fakes.song_tables import HAPPY, HEADING, ID, ImportTable, table


def test_selected_songs_do_not_return_for_days(catalog: Catalog, take: ImportTable) -> None:
    """Played songs stay away for the window and may come again after it; the starter list fills a small catalogue."""
    take(table(30))
    played, now = set[str](), 1e9
    for hour in range(40):
        [choice] = select_songs(catalog, HAPPY, 1, now=now + 3600 * hour, seed=hour)
        assert choice.track.track_id not in played
        played.add(choice.track.track_id)
        catalog.record_play(choice.track, HAPPY, now + 3600 * hour)
    assert any(t.language for t in starter() if t.track_id in played)
    late = {c.track.track_id for c in select_songs(catalog, HAPPY, 30, now=now + 40 * 3600 + WINDOW)}
    assert late & played
    assert not select_songs(catalog, HAPPY, 5, now=now, sources=["library"])


def test_explicit_songs_can_be_left_out(catalog: Catalog, take: ImportTable) -> None:
    """The filter holds in the catalogue and for one's own songs."""
    take(f"{HEADING}\n{ID},Clean,A,,0.5,0.5,,0,,\n,Dirty,B,,0.5,0.5,,1,,\n")
    catalog.merge_library([LibrarySong("2" * 22, None, "Dirty", "B")])
    chosen = select_songs(catalog, HAPPY, 5, now=0.0, explicit=False, sources=["library", "catalogue"])
    assert [c.track.title for c in chosen] == ["Clean"]
