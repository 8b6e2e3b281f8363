"""Suppression of what native libraries print to stderr, for terminals and the journal."""

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
def suppress_native_stderr(noise: re.Pattern[bytes] = _NOISE) -> Iterator[None]:
    """Buffer what is written to stderr, by native code too, and write all but known noise at the end.

    noise: how its lines begin; by default, what runtimes and TensorFlow print at their start.
    """
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
                if not noise.match(line):
                    os.write(2, line)
