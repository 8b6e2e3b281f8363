"""Keys by which two spellings of a song are recognized as the same song."""

from __future__ import annotations

import ast
import json
import re
import unicodedata

# additions to a title that do not change the music; "Live" and "Remix" do change it
_ADDED = r"(?:feat|ft|with|remaster|\d{4} |deluxe|bonus|explicit|album version|single version|mono|stereo)"
_EXTRA = re.compile(rf"(?:[(\[]{_ADDED}[^)\]]*[)\]]|\s-\s{_ADDED}.*$|\sfeat\.? .*$|\sft\.? .*$)", re.IGNORECASE)
_ARTISTS = re.compile(r"\s*(?:,|;|/|\||\sfeat\.?\s|\sft\.?\s|\sfeaturing\s)", re.IGNORECASE)
_ITEM = r"""(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
_PRINTED_LIST = re.compile(rf"[\[({{]\s*(?:{_ITEM}[\s,]*)*[\])}}]")
_PRINTED_ITEM = re.compile(_ITEM)
_NOT_WORD = re.compile(r"[\W_]+")


def song_key(title: str, artist: str) -> str:
    """Return the same text for every spelling of a song: the first artist's key, a tab, and the title's.

    Case, accents, punctuation, guests and remasters make no difference. "Live" and "Remix" do.
    """
    return f"{artist_key(artist)}\t{normalize(_EXTRA.sub('', title)) or normalize(title)}"


def artist_key(artist: str) -> str:
    """Return the same text for every spelling of the first artist."""
    return normalize(_ARTISTS.split(artist, maxsplit=1)[0]) or normalize(artist)


def artist_of(key: str) -> str:
    """Return the artist's part of a song key."""
    return key.partition("\t")[0]


def artists_text(text: str) -> str:
    """Return artists separated by commas, also from a list as Python prints it, or a JSON one of objects."""
    if text[:1] not in {"[", "(", "{"}:
        return text
    if _PRINTED_LIST.fullmatch(text):
        items = [_unescape(item) for item in _PRINTED_ITEM.findall(text)]
    else:
        try:
            items = [item["name"] for item in json.loads(text)]
        except (ValueError, TypeError, KeyError, RecursionError):
            return text
    return ", ".join(stripped for item in items if (stripped := str(item).strip()))


def _unescape(item: str) -> str:
    """Return the text of a quoted item."""
    if "\\" not in item:
        return item[1:-1]
    try:
        return str(ast.literal_eval(item))
    except (ValueError, SyntaxError):
        return item[1:-1]


def normalize(text: str) -> str:
    """Return small letters and digits of any script, without accents; single spaces between words."""
    if not text.isascii():
        text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return _NOT_WORD.sub(" ", text.casefold()).strip()
