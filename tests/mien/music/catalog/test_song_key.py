"""Keys of songs."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from mien.music.catalog import song_key


@settings(deadline=None)
@given(st.text(max_size=30), st.text(max_size=30))
def test_keys_hold_for_any_text(title: str, artist: str) -> None:
    """A key has one tab, and neither case nor a guest in brackets changes it."""
    key = song_key.song_key(title, artist)
    assert key.count("\t") == 1
    assert song_key.artist_of(key) == song_key.artist_key(artist)
    assert song_key.song_key("Name (feat. Somebody)", "The Artist") == song_key.song_key("NAME", "the artist")
