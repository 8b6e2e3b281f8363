"""When two names are the same song."""

from __future__ import annotations

import re
import unicodedata

# what is added to a title without changing the music; "Live" and "Remix" do change it
_ADDED = r"(?:feat|ft|with|remaster|\d{4} |deluxe|bonus|explicit|album version|single version|mono|stereo)"
_EXTRA = re.compile(rf"(?:[(\[]{_ADDED}[^)\]]*[)\]]|\s-\s{_ADDED}.*$|\sfeat\.? .*$|\sft\.? .*$)", re.IGNORECASE)
_ARTISTS = re.compile(r"\s*(?:,|;|/|\sfeat\.?\s|\sft\.?\s|\sfeaturing\s)", re.IGNORECASE)
_LIST = re.compile(r"""^\[\s*(['"])(.*)\1\s*\]$""")
_BETWEEN = re.compile(r"""['"]\s*,\s*['"]""")
_NO_WORD = re.compile(r"[\W_]+")


def song_key(title: str, artist: str) -> str:
    """The same text for every spelling of a song: the first artist's key, a tab, and the title's.

    Case, accents, punctuation, guests and remasters do not count. "Live" and "Remix" do.
    """
    return f"{artist_key(artist)}\t{plain(_EXTRA.sub('', title)) or plain(title)}"


def artist_key(artist: str) -> str:
    """The same text for every spelling of the first artist."""
    return plain(_ARTISTS.split(artist, maxsplit=1)[0]) or plain(artist)


def artist_of(key: str) -> str:
    """The artist's part of a song key."""
    return key.partition("\t")[0]


def artists_text(text: str) -> str:
    """Artists as people write them, also from a printed list such as "['A', 'B']"."""
    found = _LIST.match(text)
    return _BETWEEN.sub(", ", found[2]) if found else text


def plain(text: str) -> str:
    """Small letters and digits of any script, without accents; single spaces between words."""
    if not text.isascii():
        text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return _NO_WORD.sub(" ", text.casefold()).strip()
