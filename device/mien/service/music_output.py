"""The music output, where the configuration turns it on. Loads nothing of Spotify where it does not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from mien.config import Config

if TYPE_CHECKING:
    from mien.service.jukebox import Jukebox


@contextmanager
def opened(config: Config) -> Iterator[list[Jukebox]]:
    """One output, stopped at the end; none where music is off."""
    if not config.music.enabled:
        yield []
        return
    from mien.service.jukebox import Jukebox, players

    with closing(Jukebox(lambda: players(config))) as jukebox:
        yield [jukebox]
