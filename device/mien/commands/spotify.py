"""The `mien spotify` commands, and the user's library for `mien music sync`."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import TypeVar

from mien.commands.music import synced_in_words
from mien.commands.progress import Progress
from mien.config import Config
from mien.errors import ConfigError
from mien.music.catalog.catalog import Catalog, default_path
from mien.music.catalog.records import LibrarySong
from mien.music.players.base import PlayerDevice, PlayerTrack
from mien.music.players.spotify.client import SpotifyClient
from mien.music.players.spotify.models import Page
from mien.music.players.spotify.rate_limit import PER_HOUR
from mien.music.players.spotify.status import NEEDS_PERSON, SpotifyError, SpotifyState, Status
from mien.music.players.spotify.store import TokenStore
from mien.state import state_directory

SYNC_PER_HOUR = 1000
"""Requests in any hour that `mien music sync` may make: 50 songs each."""

_TRIES = 4
_PATIENCE = 120.0  # seconds that a person at the terminal will wait at once
Answer = TypeVar("Answer")
_TOP = ("short_term", "medium_term", "long_term")


def open_client(config: Config, per_hour: int = PER_HOUR) -> SpotifyClient:
    """The way to Spotify. Raises ConfigError without a client id."""
    if not config.spotify.client_id:
        raise ConfigError(
            "[spotify] client_id is missing: make an app at developer.spotify.com/dashboard, give it the redirect URI "
            f"http://127.0.0.1:{config.spotify.redirect_port}/callback, and put its client id into the configuration."
        )
    return SpotifyClient(config.spotify, TokenStore(state_directory()), per_hour=per_hour)


def status(config: Config, as_json: bool) -> int:
    """mien spotify status: who, what is allowed and for how long, where music can play; 6 where a person is needed."""
    spotify = open_client(config)
    earlier = spotify.last_status()
    facts: dict[str, object] = {"state": SpotifyState.READY.value, "detail": "", "until": None, "user": None}
    state = SpotifyState.READY
    try:
        facts["user"] = spotify.me().name
        facts["devices"] = [_as_object(device) for device in spotify.devices()]
        if earlier.state in (
            SpotifyState.NO_PREMIUM,
            SpotifyState.NO_DEVICE,
            SpotifyState.RESTRICTED,
        ):  # which reading does not show
            state = earlier.state
            facts |= {"state": state.value, "detail": earlier.sentence}
    except SpotifyError as error:
        state = error.status.state
        facts |= {"state": state.value, "detail": str(error), "until": error.status.until}
    facts |= {"scopes": spotify.scopes(), "consent_days_left": spotify.consent_days_left()}
    print(json.dumps(facts, ensure_ascii=False) if as_json else _in_words(facts))
    return SpotifyError.exit_code if state in NEEDS_PERSON else 0


def devices(config: Config, as_json: bool) -> None:
    """mien spotify devices"""
    found = open_client(config).devices()
    for device in found:
        line = json.dumps(_as_object(device), ensure_ascii=False) if as_json else _device_in_words(device)
        print(line)
    if not found:
        print("Spotify sees no device: open Spotify on one, or start raspotify on this Pi.", file=sys.stderr)


def sync(config: Config) -> None:
    """mien music sync: the user's saved and most heard songs, all or nothing."""
    spotify = open_client(config, SYNC_PER_HOUR)
    songs: dict[str, LibrarySong] = {}
    with Catalog(default_path()) as catalog:
        with Progress(sys.stderr) as progress:
            for item in _every(spotify.saved_page, "saved songs", progress):
                _take(item, songs)
            for time_range in _TOP:
                what = f"most heard ({time_range.replace('_', ' ')})"
                for item in _every(partial(spotify.top_page, time_range=time_range), what, progress):
                    _take(item, songs)
        report = catalog.merge_library(songs.values())
    print(synced_in_words(report))


def retry(ask: Callable[[], Answer], sleep: Callable[[float], None] = time.sleep) -> Answer:
    """Ask again after a short wait or a fault on the way. Raises what remains."""
    for attempt in range(_TRIES):
        try:
            return ask()
        except SpotifyError as error:
            status: Status = error.status
            wait = 2.0**attempt if status.until is None else status.until - time.time() + 0.1
            again = status.state == SpotifyState.OFFLINE or status.until is not None
            if not again or wait > _PATIENCE or attempt == _TRIES - 1:
                raise
            sleep(wait)
    raise AssertionError


def _every(page: Callable[[int], Page | None], what: str, progress: Progress) -> Iterator[PlayerTrack]:
    at = 0
    while (found := retry(partial(page, at))) is not None:
        yield from found.tracks
        at += found.length
        progress(what, at / max(1, found.total))
        if at >= found.total:
            return


def _take(track: PlayerTrack, songs: dict[str, LibrarySong]) -> None:
    if track.id is not None and track.title:  # local files have no id
        songs[track.id] = LibrarySong(track.id, track.isrc, track.title, track.artist)


def _as_object(device: PlayerDevice) -> dict[str, object]:
    return {
        "name": device.name,
        "id": device.id,
        "type": device.type,
        "active": device.is_active,
        "restricted": device.is_restricted,
        "volume": device.volume_percent,
    }


def _device_in_words(device: PlayerDevice) -> str:
    notes = [text for text, so in (("active", device.is_active), ("takes no commands", device.is_restricted)) if so]
    return f"{device.name} ({', '.join([device.type.lower() or 'device', *notes])})  id {device.id}"


def _in_words(facts: dict[str, object]) -> str:
    lines = [f"state    {facts['state']}"]
    lines += [f"         {facts['detail']}"] if facts["detail"] else []
    lines += [f"user     {facts['user']}"] if facts["user"] else []
    if facts["consent_days_left"] is not None:
        lines.append(f"consent  ends in about {facts['consent_days_left']} days; then run 'mien spotify login' again")
    scopes = facts["scopes"]
    lines += [f"allowed  {', '.join(scopes)}"] if isinstance(scopes, list) and scopes else []
    found = facts.get("devices")
    names = [f"{d['name']}{' (active)' if d['active'] else ''}" for d in found] if isinstance(found, list) else []
    lines += [f"devices  {', '.join(names) or 'none'}"] if found is not None else []
    if isinstance(facts["until"], float):
        lines.append(f"until    {datetime.fromtimestamp(facts['until']).astimezone():%Y-%m-%d %H:%M:%S}")
    return "\n".join(lines)
