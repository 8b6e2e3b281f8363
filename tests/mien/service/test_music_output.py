"""Music as an output and on the command line: sources, searches, logins, the library, and a camera that never waits."""

from __future__ import annotations

import contextlib
import io
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from mien.commands import play
from mien.commands import spotify as commands
from mien.commands.spotify_client import open_client
from mien.commands.spotify_login import login
from mien.config import MusicConfig
from mien.config_file import load, parse
from mien.errors import InputError, RemoteError
from mien.events import CameraEvent, Mood
from mien.expression import Expression
from mien.music.catalog.catalog import Catalog, LibrarySong, Track, starter
from mien.music.catalog.importer import import_table
from mien.music.dj.dj import Dj
from mien.music.dj.mood_filter import TargetMood
from mien.music.dj.track_source import SEARCHES, CatalogTrackSource
from mien.music.players.spotify import client as spotify_module
from mien.music.players.spotify.client import Endpoints, SpotifyClient
from mien.music.players.spotify.status import SpotifyError, SpotifyState, Status
from mien.service.music_output import MusicOutput, NowPlaying, players
from tests.conftest import Outcome
from tests.fakes.spotify_fixtures import AIR, BLUE, clock_of, contract, server, spotify, vault
from tests.fakes.spotify_server import Server

HAPPY = tuple(float(e == Expression.HAPPY) for e in Expression)
SERVED = TargetMood(Expression.HAPPY, HAPPY, 1)


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog(tmp_path / "music.sqlite") as opened:
        yield opened


@pytest.fixture
def home(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration and a state folder for the commands, and the test's Spotify in the place of the real one."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    monkeypatch.setattr(spotify_module, "ENDPOINTS", Endpoints(server.url + "v1/", server.url))
    server.spotify.clock.now = time.time() - server.spotify.clock.wall()  # commands live in real time
    path = tmp_path / "mien.toml"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    path.write_text(f'[spotify]\nclient_id = "{server.spotify.client_id}"\nredirect_port = {port}\n')
    return path


@pytest.fixture
def logged_in(home: Path, server: Server) -> Path:
    made = open_client(load(home).spotify)
    assert made.redirected(server.spotify.consent(made.authorize_url()))
    return home


def offer_starter(server: Server) -> list[Track]:
    """Have Spotify know every song of the starter list."""
    tracks = starter()
    for n, track in enumerate(tracks):
        server.spotify.add_track(f"spotify:track:S{n:021d}", track.title, track.artist)
    return tracks


def test_starter_songs_are_found_by_search_and_the_answer_kept(
    server: Server, spotify: SpotifyClient, catalog: Catalog
) -> None:
    """A song of the starter list plays under Spotify's URI, is searched once, and does not come again for days."""
    offer_starter(server)
    selector = CatalogTrackSource(MusicConfig(sources=("starter",)), catalog, spotify, clock_of(server))
    first = selector.next(SERVED, "match")
    assert first is not None
    assert server.spotify.tracks[first.uri]["name"].casefold() == first.title.casefold()
    assert first.why
    searches = [seen.path for seen in server.spotify.seen].count("/v1/search")
    assert searches == 1
    assert selector.next(SERVED, "match") == first, "asking changes nothing"
    assert [seen.path for seen in server.spotify.seen].count("/v1/search") == searches
    selector.sent(first, SERVED)
    second = selector.next(SERVED, "match")
    assert second is not None
    assert second.uri != first.uri


def test_what_spotify_does_not_have_is_not_searched_for_ever(
    server: Server, spotify: SpotifyClient, catalog: Catalog
) -> None:
    """A few searches a song at most, and a miss is remembered for a month."""
    selector = CatalogTrackSource(MusicConfig(sources=("starter",)), catalog, spotify, clock_of(server))
    for rounds in (1, 2):
        assert selector.next(SERVED, "match") is None
        assert [seen.path for seen in server.spotify.seen].count("/v1/search") == rounds * SEARCHES


def isrc_only(catalog: Catalog, folder: Path, songs: int) -> None:
    """Import songs of which only names and ISRC are known, all bright and driving."""
    rows = (f"Spelt so {n},Somebody {n},XX00000001{n:02d},0.9,0.9" for n in range(songs))
    table = folder / "isrc.csv"
    table.write_text("\n".join(["title,artist,isrc,valence,energy", *rows]), encoding="utf-8")
    import_table(catalog, table, lambda _what, _share: None, now=0.0)


def test_a_song_with_only_an_isrc_is_found_by_it_and_the_answer_kept(
    server: Server, spotify: SpotifyClient, catalog: Catalog, tmp_path: Path
) -> None:
    """Its ISRC finds it, however Spotify spells it, in one request; mien still knows it when it has started anew."""
    isrc_only(catalog, tmp_path, 1)
    server.spotify.add_track(AIR, "Spelt Otherwise", "Someone", isrc="XX0000000100")
    music = MusicConfig(sources=("catalogue",))
    found = CatalogTrackSource(music, catalog, spotify, clock_of(server)).next(SERVED, "match")
    assert found is not None
    assert (found.uri, found.title) == (AIR, "Spelt so 0")
    assert [seen.path for seen in server.spotify.seen].count("/v1/search") == 1
    with Catalog(catalog.path) as again:
        assert CatalogTrackSource(music, again, spotify, clock_of(server)).next(SERVED, "match") == found
    assert [seen.path for seen in server.spotify.seen].count("/v1/search") == 1


def test_searches_by_isrc_and_by_name_are_counted_alike(
    server: Server, spotify: SpotifyClient, catalog: Catalog, tmp_path: Path
) -> None:
    """Songs that Spotify has by neither cost three requests a time in all, and are given up one by one."""
    isrc_only(catalog, tmp_path, 4)
    selector = CatalogTrackSource(MusicConfig(sources=("catalogue",)), catalog, spotify, clock_of(server))
    for requests in (3, 6, 9, 11, 11):  # two a song, begun again where they ran out between the two
        assert selector.next(SERVED, "match") is None
        assert [seen.path for seen in server.spotify.seen].count("/v1/search") == requests


def test_a_song_of_the_same_name_by_another_is_not_the_song(
    server: Server, spotify: SpotifyClient, catalog: Catalog
) -> None:
    """A search hit counts only with the same title and artist, or the same ISRC."""
    track = starter()[0]
    server.spotify.add_track(AIR, f"{track.title} (Karaoke Version)", f"The {track.artist} Tribute")
    selector = CatalogTrackSource(MusicConfig(), catalog, spotify, clock_of(server))
    assert selector._uri(track, iter(range(3))) is None
    server.spotify.add_track(BLUE, "Spelt Otherwise", "Whoever", isrc="XX0000000002")
    assert selector._uri(replace(track, track_id="b\tother", isrc="XX0000000002"), iter(range(3))) == BLUE


def test_sources_come_in_the_users_order(server: Server, spotify: SpotifyClient, catalog: Catalog) -> None:
    """The mood's playlist comes first where it is named first, and what was played lately of it does not."""
    offer_starter(server)
    own = [server.spotify.add_track(f"spotify:track:P{n:021d}", f"Mine {n}", f"Me {n}") for n in range(60)]
    server.spotify.playlists["own"] = own
    config = MusicConfig(sources=("playlists", "starter"), playlists={"happy": "spotify:playlist:own"})
    selector = CatalogTrackSource(config, catalog, spotify, clock_of(server))
    played = []
    for _ in range(61):
        song = selector.next(SERVED, "match")
        assert song is not None
        selector.sent(song, SERVED)
        played.append(song.uri)
    assert sorted(played[:60]) == sorted(own)
    assert played[60] not in own
    assert len({seen for seen in server.spotify.seen if "playlists" in seen.path}) <= 2, "read once a day"
    sad = selector.next(replace(SERVED, expression=Expression.SAD, number=2), "match")
    assert sad is not None
    assert sad.uri not in own


def test_a_playlist_of_others_is_left_out(
    server: Server, spotify: SpotifyClient, catalog: Catalog, caplog: pytest.LogCaptureFixture
) -> None:
    """Spotify refuses it: that is said once, and the next source plays."""
    offer_starter(server)
    config = MusicConfig(sources=("playlists", "starter"), playlists={"happy": "spotify:playlist:theirs"})
    selector = CatalogTrackSource(config, catalog, spotify, clock_of(server))
    for _ in range(2):
        song = selector.next(SERVED, "match")
        assert song is not None
    assert sum("cannot be read" in record.message for record in caplog.records) == 1


def test_lift_climbs_from_song_to_song(server: Server, spotify: SpotifyClient, catalog: Catalog) -> None:
    """Asked for one song at a time, "lift" still begins at the mood and goes up."""
    offer_starter(server)
    selector = CatalogTrackSource(MusicConfig(sources=("starter",)), catalog, spotify, clock_of(server))
    served = TargetMood(Expression.SAD, tuple(float(e == Expression.SAD) for e in Expression), 1)
    valences = []
    for _ in range(6):
        song = selector.next(served, "lift")
        assert song is not None
        selector.sent(song, served)
        valences.append(song.track.place[0])
    assert valences[0] < -0.2
    assert valences[-1] > valences[0] + 0.4


def test_opinions_reach_the_catalogue(server: Server, spotify: SpotifyClient, catalog: Catalog) -> None:
    """What was heard is kept for the recommender, under the mood that the song was chosen for."""
    offer_starter(server)
    selector = CatalogTrackSource(MusicConfig(sources=("starter",)), catalog, spotify, clock_of(server))
    song = selector.next(SERVED, "match")
    assert song is not None
    assert selector.known(spotify.search(f"{song.title} {song.artist}")[0]) is None
    selector.sent(song, SERVED)
    again = selector.known(spotify.search(f"{song.title} {song.artist}")[0])
    assert again is not None
    assert again.track.track_id == song.track.track_id
    selector.heard(song, SERVED, 0.2)
    (kept,) = catalog.feedback()
    assert (kept.heard, kept.probabilities) == (0.2, HAPPY)


class SlowPlayer:
    """A player on a network that hangs."""

    def __init__(self) -> None:
        self.moods: list[Mood] = []
        self.now_playing, self.problem = None, Status.of(SpotifyState.READY)
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

    def play() -> Iterator[Dj]:
        yield player  # type: ignore[misc]

    music_output = MusicOutput(play)
    assert player.entered.wait(5)
    began = time.monotonic()
    for n in range(10_000):
        music_output.handle(Mood(Expression(n % 7), 1.0, HAPPY, float(n)))
    music_output.handle(CameraEvent("fault", "gone", 0.0))
    assert time.monotonic() - began < 2
    assert player.moods == []
    player.hangs.set()
    deadline = time.monotonic() + 5
    while not player.moods and time.monotonic() < deadline:
        time.sleep(0.01)
    assert [mood.at for mood in player.moods] == [9999.0]
    assert music_output.alive()
    music_output.close()
    assert not music_output.alive()


def test_a_catalogue_that_cannot_be_opened_stops_only_the_music(caplog: pytest.LogCaptureFixture) -> None:
    """The thread lives on and says why; the daemon's other outputs hear nothing of it."""

    def play() -> Iterator[Dj]:
        raise InputError("The catalogue is damaged: import it again.")
        yield

    music_output = MusicOutput(play)
    deadline = time.monotonic() + 5
    while music_output.now.state == SpotifyState.READY and time.monotonic() < deadline:
        time.sleep(0.01)
    assert music_output.now.sentence == "The catalogue is damaged: import it again."
    assert music_output.alive()
    music_output.close()
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_the_whole_output_plays(logged_in: Path, server: Server) -> None:
    """From a mood to a song that sounds, through thread, catalogue, search and Spotify, in real time."""
    offer_starter(server)
    config = load(logged_in)
    music = MusicConfig(enabled=True, dwell=0.0, sources=("starter",))
    music_output = MusicOutput(lambda: players(msgspec.structs.replace(config, music=music)))
    music_output.handle(Mood(Expression.HAPPY, 1.0, HAPPY, 0.0))
    deadline = time.monotonic() + 20
    while not server.spotify.starts and time.monotonic() < deadline:
        time.sleep(0.05)
    while not music_output.now.uri and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [start.uri for start in server.spotify.starts] == [music_output.now.uri]
    assert "happy" in music_output.now.why
    music_output.close()


def test_play_for_a_mood_that_a_person_names(
    logged_in: Path, server: Server, mien: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`mien play --mood sad` tells the song that plays and why, without a camera, until it is stopped."""
    offer_starter(server)
    shown: list[str] = []
    say = play._print_now

    def noted(now: NowPlaying) -> None:
        say(now)
        shown.append(now.uri)

    monkeypatch.setattr(play, "_print_now", noted)
    monkeypatch.setattr(play, "stop_signals", lambda: contextlib.nullcontext(lambda: any(shown)))
    outcome = mien("play", "--mood", "sad", "--config", logged_in)
    assert outcome.code == 0
    (start,) = server.spotify.starts
    title = server.spotify.tracks[start.uri]["name"]
    assert f"{title} by " in outcome.out
    assert "sad (100%)" in outcome.out


def pipe() -> tuple[io.TextIOWrapper, int]:
    read, write = os.pipe()
    return io.TextIOWrapper(os.fdopen(read, "rb")), write


def in_thread(work: Callable[[], None]) -> tuple[threading.Thread, list[BaseException]]:
    errors: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # handed to the test
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, errors


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """The address that a login asks to be opened."""
    urls: list[str] = []
    real = SpotifyClient.authorize_url

    def noted(self: SpotifyClient) -> str:
        urls.append(real(self))
        return urls[-1]

    monkeypatch.setattr(SpotifyClient, "authorize_url", noted)

    def wait() -> str:
        deadline = time.monotonic() + 5
        while not urls and time.monotonic() < deadline:
            time.sleep(0.01)
        return urls[-1]

    return wait


def test_login_over_ssh_by_pasting(home: Path, server: Server, asked: Callable[[], str]) -> None:
    """A wrong paste is told so and another awaited; the right one, in pieces, logs in."""
    stdin, write = pipe()
    thread, errors = in_thread(lambda: login(load(home).spotify, 20, stdin))
    url = server.spotify.consent(asked())
    os.write(write, b"http://127.0.0.1:1/callback?code=x&state=y\n" + url[:30].encode())
    time.sleep(0.05)
    os.write(write, url[30:].encode() + b"\n")
    thread.join(10)
    os.close(write)
    stdin.close()
    assert errors == []
    assert (home.parent / "state" / "spotify-token.json").is_file()


def test_login_by_loopback_survives_strange_visitors(home: Path, server: Server, asked: Callable[[], str]) -> None:
    """Visits with a wrong secret or path are turned away, a silent one is cut off, and the right one logs in."""
    config = load(home)
    stdin, write = pipe()
    thread, errors = in_thread(lambda: login(config.spotify, 30, stdin))
    url = server.spotify.consent(asked())
    base = f"http://127.0.0.1:{config.spotify.redirect_port}"
    for path in ("/favicon.ico", "/callback?code=x&state=guess", "/?" + url.partition("?")[2]):
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(base + path, timeout=5)
    with urllib.request.urlopen(url, timeout=10) as answer:
        assert b"logged in" in answer.read()
    thread.join(10)
    os.close(write)
    stdin.close()
    assert errors == []


def test_login_ends_at_its_deadline_and_on_refusal(home: Path, server: Server, asked: Callable[[], str]) -> None:
    """Nobody has to stop it by hand, and a "no" is told as one."""
    stdin, write = pipe()
    with pytest.raises(RemoteError, match="in time"):
        login(load(home).spotify, 0.1, stdin)
    stdin.close()
    os.close(write)
    stdin, write = pipe()
    thread, errors = in_thread(lambda: login(load(home).spotify, 20, stdin))
    time.sleep(0.3)
    os.write(write, server.spotify.consent(asked()).replace("code=", "error=access_denied&x=").encode() + b"\n")
    thread.join(10)
    os.close(write)
    stdin.close()
    assert [type(error) for error in errors] == [SpotifyError]
    assert "access_denied" in str(errors[0])


def test_status_and_devices(logged_in: Path, server: Server, mien: Callable[..., Outcome]) -> None:
    """Who, until when, where, in words and as JSON; and what is in the way, with code 6 where a person must act."""
    outcome = mien("spotify", "status", "--config", logged_in)
    assert outcome.code == 0
    assert "Ada" in outcome.out
    assert "Kitchen" in outcome.out
    assert "181 days" in outcome.out
    assert json.loads(mien("spotify", "devices", "--json", "--config", logged_in).out)["name"] == "Kitchen"
    server.spotify.registered = False
    outcome = mien("spotify", "status", "--json", "--config", logged_in)
    assert (outcome.code, json.loads(outcome.out)["state"]) == (6, "not registered")
    server.spotify.registered = True
    server.spotify.fault = "429:3600"
    outcome = mien("spotify", "devices", "--config", logged_in)
    assert (outcome.code, outcome.err.count("\n")) == (6, 1)
    outcome = mien("spotify", "status", "--config", logged_in)
    assert outcome.code == 0
    assert "rate limited" in outcome.out


@pytest.mark.parametrize("arguments", [["spotify", "status"], ["spotify", "devices"], ["play", "--mood", "happy"]])
def test_without_a_login_one_sentence_says_what_to_do(
    home: Path, mien: Callable[..., Outcome], arguments: list[str]
) -> None:
    """Exit code 6 and the command to run; without a client id, 3 and how to get one."""
    outcome = mien(*arguments, "--config", home)
    assert outcome.code == 6
    assert "mien spotify login" in outcome.out + outcome.err
    home.write_text("")
    outcome = mien(*arguments, "--config", home)
    assert outcome.code == 3
    assert "client_id" in outcome.err


def test_sync_brings_the_library(logged_in: Path, server: Server, mien: Callable[..., Outcome]) -> None:
    """Saved and most heard songs once each, with ISRC; a fault in the middle leaves the old library whole."""
    uris = [server.spotify.add_track(f"spotify:track:{n:022d}", f"Song {n}", "Anon", isrc=f"I{n}") for n in range(120)]
    server.spotify.saved, server.spotify.top = uris[:110], uris[100:]
    outcome = mien("music", "sync", "--config", logged_in)
    assert outcome.code == 0, outcome
    assert outcome.out.startswith("120 songs of your own")
    server.spotify.saved = uris[:60]
    pages = iter(["", "403"])
    server.spotify.fault = lambda _method, path: next(pages, "403") if path.endswith("me/tracks") else ""
    assert mien("music", "sync", "--config", logged_in).code == 6
    with Catalog(logged_in.parent / "state" / "music.sqlite") as catalog:
        assert catalog.database.execute("SELECT count(*) FROM library").fetchone() == (120,)
        assert catalog.merge_library([LibrarySong("x", None, "a", "b")]).songs == 1


def test_sync_waits_out_short_troubles() -> None:
    """A fault or a wait of seconds is waited out; one of an hour, or a refusal, ends it at once."""
    slept: list[float] = []
    answers: list[object] = [SpotifyError(Status.of(SpotifyState.OFFLINE), certain=False)] * 2 + [7]

    def ask() -> object:
        answer = answers.pop(0)
        if isinstance(answer, SpotifyError):
            raise answer
        return answer

    assert commands.retry(ask, slept.append) == 7
    assert slept == [1, 2]
    for problem in (
        Status.of(SpotifyState.RATE_LIMITED, until=time.time() + 3600),
        Status.of(SpotifyState.NOT_REGISTERED),
    ):
        answers[:] = [SpotifyError(problem)]
        with pytest.raises(SpotifyError):
            commands.retry(ask, slept.append)
    assert len(slept) == 2


def test_music_without_an_app_is_a_configuration_error() -> None:
    """Music turned on without a client id is told with all other faults of the file."""
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
