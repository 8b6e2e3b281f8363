"""Keys of songs."""

from __future__ import annotations

import json

import pytest
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


artists = st.lists(st.text(min_size=1).map(str.strip).filter(bool), min_size=1)


@given(artists)
def test_printed_lists_are_artists(names: list[str]) -> None:
    """What Python or JSON prints of any names, with whatever quotes, is these names."""
    text = ", ".join(names)
    for printed in (names, tuple(names)):
        assert song_key.artists_text(repr(printed)) == text
    assert song_key.artists_text("{" + repr(names)[1:-1] + "}") == text
    assert song_key.artists_text(json.dumps([{"name": name} for name in names])) == text


@pytest.mark.parametrize(
    ("text", "artists"),
    [
        ("['A', \"B's\"]", "A, B's"),
        ("[\"Guns N' Roses\", 'Slash']", "Guns N' Roses, Slash"),
        ("['A' 'B']", "A, B"),
        ("[]", ""),
        ("['']", ""),
        ("[Alexandros]", "[Alexandros]"),
        ("(G)I-DLE", "(G)I-DLE"),
        ("['A", "['A"),
        ("[1, 2]", "[1, 2]"),
        ("AC/DC", "AC/DC"),
    ],
)
def test_brackets(text: str, artists: str) -> None:
    """Only what is a list is read as one; a band may have brackets."""
    assert song_key.artists_text(text) == artists
