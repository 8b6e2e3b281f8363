"""`mien spotify`: login, status and devices; and the user's library for `mien music sync`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import TypeVar

from mien.backoff import Backoff
from mien.commands.arguments import add_config
from mien.commands.progress import Progress
from mien.commands.spotify_client import open_client
from mien.commands.spotify_login import login
from mien.config import SpotifyConfig
from mien.config_file import load_effective
from mien.music.catalog.catalog import Catalog, default_path
from mien.music.catalog.records import LibraryReport, LibrarySong
from mien.music.players.base import PlayerDevice, PlayerTrack
from mien.music.players.spotify.models import Page
from mien.music.players.spotify.status import NEEDS_PERSON, SpotifyError, SpotifyState, Status

SYNC_PER_HOUR = 1000
"""Requests in any hour that `mien music sync` may make: 50 songs each."""

_ATTEMPTS = 4
_LONGEST_WAIT = 120.0  # seconds that a person at the terminal will wait at once
Result = TypeVar("Result")
_TOP_RANGES = ("short_term", "medium_term", "long_term")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the actions of `mien spotify` and their arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, text in (
        ("login", "Log in with your own Spotify app; works over SSH."),
        ("status", "Show who is logged in, what is allowed and for how long, and what is in the way."),
        ("devices", "List the devices that Spotify can play on."),
    ):
        action = actions.add_parser(name, help=text, description=text)
        add_config(action)
        if name != "login":
            action.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Run the action; return 6 where only a person can make Spotify work again."""
    config = load_effective(arguments.config).spotify
    if arguments.action == "status":
        return print_status(config, arguments.json)
    if arguments.action == "login":
        login(config)
    else:
        print_devices(config, arguments.json)
    return 0


def print_status(config: SpotifyConfig, as_json: bool) -> int:
    """Print who is logged in, what is allowed and for how long, and the devices; return the exit code."""
    spotify = open_client(config)
    earlier = spotify.last_status()
    facts: dict[str, object] = {"state": SpotifyState.READY.value, "detail": "", "until": None, "user": None}
    state = SpotifyState.READY
    try:
        facts["user"] = spotify.me().name
        facts["devices"] = [_device_to_dict(device) for device in spotify.devices()]
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
    print(json.dumps(facts, ensure_ascii=False) if as_json else _format_status(facts))
    return SpotifyError.exit_code if state in NEEDS_PERSON else 0


def print_devices(config: SpotifyConfig, as_json: bool) -> None:
    """Print one line a device."""
    devices = open_client(config).devices()
    for device in devices:
        line = json.dumps(_device_to_dict(device), ensure_ascii=False) if as_json else _format_device(device)
        print(line)
    if not devices:
        print("Spotify lists no device: open Spotify on one, or start raspotify on this Pi.", file=sys.stderr)


def sync(config: SpotifyConfig) -> LibraryReport:
    """Replace the catalogue's library by the user's saved and most played songs, all or nothing."""
    spotify = open_client(config, SYNC_PER_HOUR)
    songs: dict[str, LibrarySong] = {}
    with Catalog(default_path()) as catalog:
        with Progress(sys.stderr) as progress:
            for track in _all_tracks(spotify.saved_page, "saved songs", progress):
                _collect(track, songs)
            for time_range in _TOP_RANGES:
                what = f"most played ({time_range.replace('_', ' ')})"
                for track in _all_tracks(partial(spotify.top_page, time_range=time_range), what, progress):
                    _collect(track, songs)
        return catalog.merge_library(songs.values())


def retry(request: Callable[[], Result], sleep: Callable[[float], None] = time.sleep) -> Result:
    """Repeat a request after a network error or a short wait that Spotify asks for. Raises the last error."""
    backoff = Backoff(first=1.0, longest=60.0)
    for attempt in range(_ATTEMPTS):
        try:
            return request()
        except SpotifyError as error:
            status: Status = error.status
            delay = backoff.next_delay()
            wait = delay if status.until is None else status.until - time.time() + 0.1
            again = status.state == SpotifyState.OFFLINE or status.until is not None
            if not again or wait > _LONGEST_WAIT or attempt == _ATTEMPTS - 1:
                raise
            sleep(wait)
    raise AssertionError


def _all_tracks(get_page: Callable[[int], Page | None], what: str, progress: Progress) -> Iterator[PlayerTrack]:
    """Yield the tracks of all pages; progress: called with `what` and the share that was read."""
    offset = 0
    while (page := retry(partial(get_page, offset))) is not None:
        yield from page.tracks
        offset += page.length
        progress(what, offset / max(1, page.total))
        if offset >= page.total:
            return


def _collect(track: PlayerTrack, songs: dict[str, LibrarySong]) -> None:
    if track.id is not None and track.title:  # local files have no id
        songs[track.id] = LibrarySong(track.id, track.isrc, track.title, track.artist)


def _device_to_dict(device: PlayerDevice) -> dict[str, object]:
    return {
        "name": device.name,
        "id": device.id,
        "type": device.type,
        "active": device.is_active,
        "restricted": device.is_restricted,
        "volume": device.volume_percent,
    }


def _format_device(device: PlayerDevice) -> str:
    notes = [text for text, so in (("active", device.is_active), ("takes no commands", device.is_restricted)) if so]
    return f"{device.name} ({', '.join([device.type.lower() or 'device', *notes])})  id {device.id}"


def _format_status(facts: dict[str, object]) -> str:
    lines = [f"state    {facts['state']}"]
    lines += [f"         {facts['detail']}"] if facts["detail"] else []
    lines += [f"user     {facts['user']}"] if facts["user"] else []
    if facts["consent_days_left"] is not None:
        lines.append(f"consent  ends in about {facts['consent_days_left']} days; then run 'mien spotify login' again")
    scopes = facts["scopes"]
    lines += [f"allowed  {', '.join(scopes)}"] if isinstance(scopes, list) and scopes else []
    devices = facts.get("devices")
    names = [f"{d['name']}{' (active)' if d['active'] else ''}" for d in devices] if isinstance(devices, list) else []
    lines += [f"devices  {', '.join(names) or 'none'}"] if devices is not None else []
    if isinstance(facts["until"], float):
        lines.append(f"until    {datetime.fromtimestamp(facts['until']).astimezone():%Y-%m-%d %H:%M:%S}")
    return "\n".join(lines)
