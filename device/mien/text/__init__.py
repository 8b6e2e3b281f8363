"""Foreign text made safe for terminals, logs and JSON."""

from __future__ import annotations


def printable(text: str, limit: int = 200, replacement: str = "?") -> str:
    """Return at most `limit` characters of a text, with a replacement for each that could steer a terminal."""
    text = text[:limit]
    return text if text.isprintable() else "".join(c if c.isprintable() else replacement for c in text)


def is_name(text: str, limit: int = 40) -> bool:
    """Return whether a text can name something: 1 to `limit` printable characters, and no space at either end."""
    return 0 < len(text) <= limit and text.isprintable() and text == text.strip()


def quoted(text: str, limit: int = 40) -> str:
    """Return foreign text for a log line: in quotes, ASCII only, cut after `limit` characters."""
    return ascii(text if len(text) <= limit else text[:limit] + "...")
