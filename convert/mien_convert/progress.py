"""How far a long loop has come."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sized
from typing import Protocol, TypeVar

_Item_co = TypeVar("_Item_co", covariant=True)


class _Items(Sized, Iterable[_Item_co], Protocol[_Item_co]):
    """A loop with an end."""


def counted(items: _Items[_Item_co], what: str) -> Iterator[_Item_co]:
    """The items, with a line on stdout that counts them in tenths; in a log, where lines stay, only start and end."""
    total, live = len(items), sys.stdout.isatty()
    for done, item in enumerate(items):
        if done == 0 or (live and done * 10 // total > (done - 1) * 10 // total):
            print(f"\r{what} {done}/{total}", end="" if live else "\n", flush=True)
        yield item
    print(f"\r{what} {total}/{total}" if live else f"{what} {total}/{total}", flush=True)
