"""Small text files that people write: configurations and passwords, whatever the editor put before the first letter."""

from __future__ import annotations

import codecs

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_UTF32 = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)


def encoding_of(head: bytes) -> str | None:
    """Return the codec that the byte order mark at the beginning of a file stands for; None without a mark.

    The codec drops the mark. Notepad writes one before UTF-8, PowerShell's `>` one before UTF-16.
    """
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if head.startswith(_UTF32):  # before UTF-16, whose mark in little endian is the beginning of this one
        return "utf-32"
    return "utf-16" if head.startswith(_UTF16) else None


def decode(content: bytes) -> str:
    """Return the text of a UTF-8 file, without a byte order mark.

    Raises ValueError, whose text completes "FILE ...", where it is not UTF-8.
    """
    encoding = encoding_of(content) or "utf-8"
    if not encoding.startswith("utf-8"):
        raise ValueError(f"is {encoding.upper()} text: save it as UTF-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(f"is not UTF-8 text (line {line}): save it as UTF-8") from None
    if "\0" in text:
        raise ValueError("is not text, or is UTF-16 without a byte order mark: save it as UTF-8")
    return text
