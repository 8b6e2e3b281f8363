"""Suppression of what numeric libraries print to stderr at start-up, for terminals and the journal."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

_NOISE = re.compile(
    rb"INFO: |[IWE]0000 |WARNING: All log messages before absl|To enable the following instructions|\s*$"
)


@contextmanager
def suppress_native_stderr() -> Iterator[None]:
    """Buffer what is written to stderr, by native code too, and write all but known noise at the end."""
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as buffer:
        os.dup2(buffer.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(stderr, 2)
            os.close(stderr)
            buffer.seek(0)
            for line in buffer:
                if not _NOISE.match(line):
                    os.write(2, line)
