"""mien model fetch-yunet: the better face detector, from its publisher."""

from __future__ import annotations

import sys

from mien.commands.download import fetch
from mien.vision import yunet


def fetch_yunet(url: str = yunet.URL) -> None:
    """Download YuNet to where `detector = "auto"` looks for it, with progress on a terminal."""
    path = yunet.default_path()
    shown = sys.stderr.isatty()

    def progress(have: int, size: int) -> None:
        if shown:
            print(f"\rYuNet: {have // 1024} of {size // 1024} KiB", end="\n" if have == size else "", file=sys.stderr)

    fresh = fetch(url, path, yunet.SIZE, yunet.SHA256, progress)
    print(f"{path} {'is there now' if fresh else 'was there already'}: mien uses it from its next start.")
