"""Keeps the start-up chatter of numeric libraries off a user's terminal and out of the journal."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

_CHATTER = re.compile(
    rb"INFO: |[IWE]0000 |WARNING: All log messages before absl|To enable the following instructions|\s*$"
)


@contextmanager
def suppress_native_stderr() -> Iterator[None]:
    """Hold back what is written to stderr, by native code too, and let all but known chatter through at the end."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            held.seek(0)
            for line in held:
                if not _CHATTER.match(line):
                    os.write(2, line)
