"""Report progress to the user."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import Protocol, TypeVar

from mien.vision.native_stderr import suppress_native_stderr

_Item_co = TypeVar("_Item_co", covariant=True)


def log(text: str) -> None:
    """Print a line to stderr: stdout is for the result."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def libraries_silenced() -> Iterator[None]:
    """Drop what Keras and TensorFlow print to stderr, warnings too: what matters to the user is raised as an error."""
    with suppress_native_stderr(re.compile(b"")), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


class _SizedIterable(Sized, Iterable[_Item_co], Protocol[_Item_co]):
    """An iterable of known length."""


def with_progress(items: _SizedIterable[_Item_co], description: str) -> Iterator[_Item_co]:
    """Yield the items, and count them on stdout in tenths; in a log, where lines stay, print only start and end."""
    total, live = len(items), sys.stdout.isatty()
    for index, item in enumerate(items):
        if index == 0 or (live and index * 10 // total > (index - 1) * 10 // total):
            print(f"\r{description} {index}/{total}", end="" if live else "\n", flush=True)
        yield item
    print(f"\r{description} {total}/{total}" if live else f"{description} {total}/{total}", flush=True)
