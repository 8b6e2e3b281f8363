"""Music as an output: a camera that never waits, and a thread that survives errors."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mien.config import MusicConfig
from mien.config_file import load, parse
from mien.errors import InputError
from mien.events import CameraEvent, Mood
from mien.expression import Expression
from mien.music.dj.dj import Dj
from mien.music.players.spotify.status import SpotifyState, Status
from mien.service.music_output import MusicOutput, open_dj
from tests.eventually import eventually
from tests.fakes.spotify_client import add_starter_songs
from tests.fakes.spotify_server import SpotifyServer

HAPPY = tuple(float(e == Expression.HAPPY) for e in Expression)


class SlowPlayer:
    """A player on a network that hangs."""

    def __init__(self) -> None:
        self.moods: list[Mood] = []
        self.now_playing, self.status = None, Status.of(SpotifyState.READY)
        self.hangs = threading.Event()
        self.entered = threading.Event()

    def set_mood(self, mood: Mood) -> None:
        self.moods.append(mood)

    def step(self) -> float:
        self.entered.set()
        self.hangs.wait(10)
        return 0.01


def test_the_camera_never_waits_for_the_network() -> None:
    """While a request hangs, ten thousand moods are taken at once; afterwards only the latest is acted on."""
    player = SlowPlayer()

    @contextlib.contextmanager
    def open_dj() -> Iterator[Dj]:
        yield player  # type: ignore[misc]

    music_output = MusicOutput(open_dj)
    assert player.entered.wait(5)
    began = time.monotonic()
    for n in range(10_000):
        music_output.handle(Mood(Expression(n % 7), 1.0, HAPPY, float(n)))
    music_output.handle(CameraEvent("fault", "gone", 0.0))
    assert time.monotonic() - began < 2
    assert player.moods == []
    player.hangs.set()
    assert eventually(lambda: player.moods)
    assert [mood.at for mood in player.moods] == [9999.0]
    assert music_output.alive()
    music_output.close()
    assert not music_output.alive()


def test_a_catalogue_that_cannot_be_opened_stops_only_the_music(caplog: pytest.LogCaptureFixture) -> None:
    """The thread goes on and reports why; the daemon's other outputs are not affected."""

    @contextlib.contextmanager
    def open_dj() -> Iterator[Dj]:
        raise InputError("The catalogue is damaged: import it again.")
        yield

    music_output = MusicOutput(open_dj)
    assert eventually(lambda: music_output.now.state != SpotifyState.READY)
    assert music_output.now.sentence == "The catalogue is damaged: import it again."
    assert music_output.alive()
    music_output.close()
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_the_whole_output_plays(logged_in: Path, server: SpotifyServer) -> None:
    """From a mood to a song that sounds, through thread, catalogue, search and Spotify, in real time."""
    add_starter_songs(server)
    config = load(logged_in)
    music = MusicConfig(enabled=True, dwell=0.0, sources=("starter",))
    music_output = MusicOutput(lambda: open_dj(music, config.spotify))
    music_output.handle(Mood(Expression.HAPPY, 1.0, HAPPY, 0.0))
    assert eventually(lambda: server.spotify.starts, 20)
    assert eventually(lambda: music_output.now.uri, 20)
    assert [start.uri for start in server.spotify.starts] == [music_output.now.uri]
    assert "happy" in music_output.now.why
    music_output.close()


def test_music_without_an_app_is_a_configuration_error() -> None:
    """Music turned on without a client id is reported with all other faults of the file."""
    assert parse({"music": {"enabled": True}})[1] == [
        "music.enabled needs spotify.client_id, the client id of your own Spotify app"
    ]
    assert parse({"music": {"enabled": True}, "spotify": {"client_id": "a" * 32}})[1] == []


def test_without_music_nothing_of_spotify_is_loaded() -> None:
    """`mien run` pays for Spotify only where it is configured."""
    code = (
        "import sys\nfrom mien.cli import main\n"
        "main(['run', '--camera', 'demo', '--max-frames', '1', '--config', '/dev/null'])\n"
        "print([name for name in ('spotipy', 'requests', 'redis') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]"
