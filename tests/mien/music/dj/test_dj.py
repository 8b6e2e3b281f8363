"""The DJ over an evening: what it may do, what it must not, and that faults do not change that."""

from __future__ import annotations

import itertools
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.config import Intent, MusicConfig
from mien.errors import InputError
from mien.events import Mood
from mien.expression import Expression
from mien.music.dj.dj import Dj, in_quiet_hours
from mien.music.dj.mood_filter import TargetMood
from mien.music.dj.songs import PlayableSong
from mien.music.dj.timing import POLL_INTERVAL
from mien.music.players.base import PlayerTrack
from mien.music.players.spotify.client import SpotifyClient
from mien.music.players.spotify.rate_limit import PER_HOUR
from mien.music.players.spotify.status import SpotifyState
from mien.music.players.spotify.store import TokenStore
from tests.fakes.spotify_client import AIR, BLUE, clock_of, open_client
from tests.fakes.spotify_server import SpotifyServer

HOUR = 3600.0


@dataclass
class FakeTrackSource:
    """A track source: songs in turn, and how they were received."""

    songs: list[PlayableSong]
    gone: list[str] = field(default_factory=list)
    heard: list[tuple[str, str, float]] = field(default_factory=list)
    moods: dict[str, Expression] = field(default_factory=dict)
    broken: bool = False

    def next_track(self, target: TargetMood, _intent: Intent) -> PlayableSong | None:
        if self.broken:
            raise InputError("The catalogue is damaged: import it again.")
        left = [song for song in self.songs if song.uri not in self.gone]
        if left:
            self.moods[left[0].uri] = target.expression
        return left[0] if left else None

    def record_sent(self, song: PlayableSong, _target: TargetMood) -> None:
        self.gone.append(song.uri)

    def find_recent(self, track: PlayerTrack) -> PlayableSong | None:
        return next((song for song in self.songs if song.uri == track.uri and song.uri in self.gone), None)

    def record_heard(self, song: PlayableSong, target: TargetMood, share: float) -> None:
        self.heard.append((song.uri, target.expression.label, share))


class Evening:
    """A DJ, the Spotify that it plays on, and the time."""

    def __init__(
        self,
        server: SpotifyServer,
        spotify: SpotifyClient,
        device: str = "",
        songs: int = 300,
        draw: Callable[[], float] = random.random,
        **config: object,
    ) -> None:
        self.world, self.time = server.spotify, server.spotify.clock
        self.time.now += HOUR  # the requests of the login are over
        self.begun = self.time.now
        songs_in_turn = [
            PlayableSong(
                server.spotify.add_track(f"spotify:track:{n:022d}", f"Song {n}", f"Artist {n}", 200 + n % 60),
                f"Song {n}",
                f"Artist {n}",
                "",
            )
            for n in range(songs)
        ]
        self.tracks = FakeTrackSource(songs_in_turn)
        settings = msgspec.structs.replace(MusicConfig(dwell=20.0, cooldown=120.0), **config)
        self.dj = Dj(settings, device, spotify, self.tracks, clock_of(server), draw=draw)
        self.plan: list[tuple[float, int, Callable[[], object]]] = []

    def at(self, second: float, act: Callable[[], object]) -> None:
        self.plan.append((self.begun + second, len(self.plan), act))

    def set_mood(self, expression: Expression | None) -> None:
        probabilities = () if expression is None else tuple(float(e == expression) for e in Expression)
        self.dj.set_mood(Mood(expression, 1.0, probabilities, 0.0))

    def pass_time(self, until: float) -> None:
        """Let time pass until that second of the evening."""
        plan = sorted(self.plan)
        end = self.begun + until
        while self.time.now < end:
            due = min(self.time.now + self.dj.step(), end)
            if plan and plan[0][0] <= due:
                self.time.now = max(self.time.now, plan[0][0])
                plan.pop(0)[2]()
            else:
                self.time.now = due
        self.plan = [(at, n, act) for at, n, act in plan]
        self.world.settle()

    @property
    def starts(self) -> list[str]:
        """Return the URIs of the tracks that started, by whomever."""
        return [start.uri for start in self.world.starts]

    def commands(self) -> list[tuple[float, str]]:
        """Return the requests that change something."""
        return [(s.at, s.path) for s in self.world.requests if s.method != "GET" and not s.path.endswith("/token")]


def test_a_mood_starts_music_after_its_dwell(server: SpotifyServer, spotify: SpotifyClient) -> None:
    """A mood that held for less starts nothing; one that held starts a song within seconds."""
    evening = Evening(server, spotify)
    evening.set_mood(Expression.HAPPY)
    evening.at(15, lambda: evening.set_mood(Expression.SAD))
    evening.pass_time(30)
    assert evening.starts == []
    evening.pass_time(45)
    assert len(evening.starts) == 1
    assert set(evening.tracks.moods.values()) == {Expression.SAD}


def test_songs_follow_each_other_and_a_new_mood_waits_for_the_end(
    server: SpotifyServer, spotify: SpotifyClient
) -> None:
    """In an hour nothing is cut, songs follow without a gap, and the song after a new mood is chosen for it."""
    evening = Evening(server, spotify)
    evening.set_mood(Expression.HAPPY)
    evening.at(1000, lambda: evening.set_mood(Expression.SAD))
    evening.pass_time(3600)
    starts = evening.world.starts
    assert len(starts) > 13
    assert all(start.cut == 0 for start in starts)
    for before, after in itertools.pairwise(starts):
        assert after.at - before.at == pytest.approx(evening.world.length(before.uri), abs=0.1)
    moods = [evening.tracks.moods[start.uri] for start in starts]
    change = moods.index(Expression.SAD)
    assert 1000 < starts[change].at - evening.begun < 1000 + 280
    assert set(moods[change:]) == {Expression.SAD}
    assert all(share == 1.0 for _, _, share in evening.tracks.heard)
    requests = [request for request in evening.world.requests if request.at >= evening.begun]
    print(f"{len(requests)} requests in an hour of {len(starts)} songs")
    assert len(requests) < 180


def test_interrupt_cuts_only_when_asked_to(server: SpotifyServer, spotify: SpotifyClient) -> None:
    """With interrupt a mood that held cuts the song short, at most once a cooldown."""
    evening = Evening(server, spotify, interrupt=True)
    evening.set_mood(Expression.HAPPY)
    for n in range(60):
        evening.at(100 + n * 25, partial(evening.set_mood, Expression.SAD if n % 2 else Expression.HAPPY))
    evening.pass_time(1700)
    cuts = [start.at for start in evening.world.starts if start.cut > 0]
    assert len(cuts) > 3
    assert all(after - before >= 119 for before, after in itertools.pairwise(cuts))


PERSON: dict[str, Callable[[Evening], object]] = {
    "skips to a track of theirs": lambda e: e.world.person_plays(AIR, "speaker1"),
    "another context": lambda e: e.world.person_plays(e.world.player.uri or "", "speaker1", "spotify:playlist:x"),
    "another device": lambda e: setattr(e.world.player, "device", "speaker2"),
    "volume": lambda e: e.world.devices["speaker1"].update(volume_percent=20),
    "pause": lambda e: e.world.person_pauses(),
    "device off": lambda e: e.world.devices.pop("speaker1"),
}


@pytest.mark.parametrize("what", PERSON)
def test_a_takeover_pauses_the_dj(server: SpotifyServer, spotify: SpotifyClient, what: str) -> None:
    """From the poll that can detect it, mien sends nothing for the set time, then goes on at the end of a track."""
    evening = Evening(server, spotify, device="Kitchen")
    evening.world.add_device("speaker2", "Bedroom")
    evening.world.tracks[AIR]["duration_ms"] = 10_000_000
    evening.set_mood(Expression.HAPPY)
    evening.at(100, lambda: PERSON[what](evening))
    evening.pass_time(100 + 1200)
    assert not [at for at, _ in evening.commands() if at - evening.begun >= 100]
    assert not [s for s in evening.world.requests if s.at - evening.begun > 100 + POLL_INTERVAL + 1], "not even a poll"
    evening.world.tracks[AIR]["duration_ms"] = 1_600_000
    evening.world.devices.setdefault(
        "speaker1", evening.world.devices["speaker2"] | {"id": "speaker1", "name": "Kitchen"}
    )
    evening.pass_time(100 + 1200 + 700)
    assert all(start.cut == 0 for start in evening.world.starts if start.by != "person")
    assert [at for at, _ in evening.commands() if at - evening.begun > 1290]


def test_music_of_others_is_left_alone_and_then_joined(server: SpotifyServer, spotify: SpotifyClient) -> None:
    """What a person plays before mien starts is theirs for the set time; then a song is queued, never put over it."""
    evening = Evening(server, spotify, takeover_pause=300.0)
    evening.world.person_plays(
        AIR, "speaker1", "spotify:playlist:mine", tuple(f"spotify:track:{n:022d}" for n in range(290, 300))
    )
    evening.set_mood(Expression.HAPPY)
    evening.pass_time(1500)
    commands = evening.commands()
    assert commands
    assert {path for _, path in commands} == {"/v1/me/player/queue"}
    assert commands[0][0] - evening.begun > 300
    assert all(start.cut == 0 for start in evening.world.starts)


def test_a_skip_is_recorded(server: SpotifyServer, spotify: SpotifyClient) -> None:
    """A song that a person leaves early counts as heard in part, under the mood that it was chosen for."""
    evening = Evening(server, spotify)
    evening.set_mood(Expression.SAD)
    evening.at(70, evening.world.person_skips)  # nothing is queued yet: silence
    evening.pass_time(130)
    ((uri, mood, share),) = evening.tracks.heard
    assert (uri, mood) == (evening.starts[0], "sad")
    assert 0.15 < share < 0.45
    assert len(evening.starts) == 2, "and another song comes"


def test_skip_by_mien_plays_another_song_at_once(server: SpotifyServer, spotify: SpotifyClient) -> None:
    """A person who asks for another song gets it at once, also during a takeover pause."""
    evening = Evening(server, spotify)
    evening.set_mood(Expression.HAPPY)
    evening.at(60, evening.dj.skip)
    evening.at(100, lambda: evening.world.person_plays(AIR, "speaker1"))
    evening.at(200, evening.dj.skip)
    evening.pass_time(220)
    assert [start.by for start in evening.world.starts] == ["api", "api", "person", "api"]
    assert [round(start.at - evening.begun) for start in evening.world.starts][1::2] == [60, 200]
    assert len(evening.tracks.heard) == 2


def test_absence_pauses_and_return_resumes_if_configured(server: SpotifyServer, spotify: SpotifyClient) -> None:
    """The song stops where it was when the room is empty, and goes on from there."""
    evening = Evening(server, spotify, pause_when_absent=True)
    evening.set_mood(Expression.HAPPY)
    evening.at(60, lambda: evening.set_mood(None))
    evening.at(400, lambda: evening.set_mood(Expression.HAPPY))
    evening.pass_time(100)
    assert evening.world.player.paused_at is not None
    evening.pass_time(420)
    assert evening.world.player.paused_at is None
    assert len(evening.starts) == 1
    assert 40 < evening.world.progress() < 80


def test_an_empty_room_does_not_end_the_music_by_itself(server: SpotifyServer, spotify: SpotifyClient) -> None:
    """Without pause_when_absent music goes on for the last mood: a camera does not cover the whole room."""
    evening = Evening(server, spotify)
    evening.set_mood(Expression.HAPPY)
    evening.at(60, lambda: evening.set_mood(None))
    evening.pass_time(1000)
    assert len(evening.starts) == 5


@pytest.mark.parametrize("span", ["16:00-15:59", "00:00-23:59"])
def test_quiet_hours_start_nothing(
    server: SpotifyServer, spotify: SpotifyClient, span: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In quiet hours there is not even a request."""
    monkeypatch.setattr("mien.music.dj.dj.in_quiet_hours", lambda hours, _now: hours == span)
    evening = Evening(server, spotify, quiet_hours=span)
    before = len(evening.world.requests)
    evening.set_mood(Expression.HAPPY)
    evening.pass_time(1000)
    assert len(evening.world.requests) == before


@given(st.integers(0, 23), st.integers(0, 23), st.integers(0, 23 * 60 + 59))
def test_quiet_hours_pass_midnight(start: int, end: int, minute: int) -> None:
    """A span holds its start, not its end, on whichever side of midnight."""
    from datetime import datetime

    now = datetime(2026, 6, 15, minute // 60, minute % 60).astimezone().timestamp()
    inside = in_quiet_hours(f"{start:02d}:00-{end:02d}:00", now)
    assert inside == ((minute // 60 - start) % 24 < (end - start) % 24)
    assert not in_quiet_hours("", now)


def test_volume_is_set_only_if_configured(server: SpotifyServer, spotify: SpotifyClient) -> None:
    """Once, when music starts from silence; and mien's own volume is not a takeover."""
    for volume, paths in ((-1, 0), (35, 1)):
        evening = Evening(server, spotify, volume=volume)
        before = len(evening.commands())
        evening.set_mood(Expression.HAPPY)
        evening.pass_time(700)
        assert sum("volume" in path for _, path in evening.commands()[before:]) == paths
        assert evening.dj.now_playing is not None
        evening.world.person_pauses()
    assert evening.world.devices["speaker1"]["volume_percent"] == 35


def test_the_chosen_device_is_woken(server: SpotifyServer, spotify: SpotifyClient) -> None:
    """The configured device plays, though another was active, whatever the case of its name."""
    evening = Evening(server, spotify, device="bEDROOM")
    evening.world.add_device("speaker2", "Bedroom")
    evening.world.player.device = "speaker1"
    evening.set_mood(Expression.HAPPY)
    evening.pass_time(60)
    assert evening.world.player.device == "speaker2"


def test_another_release_of_the_song_is_the_song(server: SpotifyServer, spotify: SpotifyClient) -> None:
    """Spotify may play a track under another URI: that is not a takeover."""
    evening = Evening(server, spotify)
    for n in range(300):
        uri = f"spotify:track:{n:022d}"
        track = evening.world.tracks[uri]
        other = evening.world.add_track(f"spotify:track:9{n:021d}", track["name"], track["artists"][0]["name"], 210)
        evening.world.relink[uri] = other
    evening.set_mood(Expression.HAPPY)
    evening.pass_time(1500)
    assert len(evening.starts) == 8


def test_autoplay_is_not_a_takeover(server: SpotifyServer, spotify: SpotifyClient) -> None:
    """When Spotify goes on by itself after an outage, mien joins in again at the end of that track."""
    evening = Evening(server, spotify)
    evening.world.autoplay = [BLUE]
    evening.set_mood(Expression.HAPPY)
    evening.at(150, lambda: setattr(evening.world, "fault", "dead"))
    evening.at(300, lambda: setattr(evening.world, "fault", ""))
    evening.pass_time(1200)
    starts = evening.world.starts
    assert starts[1].uri == BLUE
    assert len(starts) >= 5
    assert all(start.cut == 0 for start in starts)


def test_a_restart_recognizes_its_own_song(server: SpotifyServer, spotify: SpotifyClient) -> None:
    """A daemon that restarts in the middle of its own song goes on after it, and detects no takeover."""
    evening = Evening(server, spotify)
    evening.set_mood(Expression.HAPPY)
    evening.pass_time(100)
    evening.dj = Dj(MusicConfig(), "", spotify, evening.tracks, clock_of(server))
    evening.set_mood(Expression.HAPPY)
    evening.pass_time(700)
    assert len(evening.starts) == 4
    assert all(start.cut == 0 for start in evening.world.starts)


def test_a_device_that_comes_late(
    server: SpotifyServer, spotify: SpotifyClient, caplog: pytest.LogCaptureFixture
) -> None:
    """Without a device the state is logged once, and music begins within minutes of the device's coming."""
    evening = Evening(server, spotify, device="Kitchen")
    del evening.world.devices["speaker1"]
    evening.set_mood(Expression.HAPPY)
    evening.pass_time(1800)
    assert evening.dj.status.state == SpotifyState.NO_DEVICE
    assert sum("No Spotify device" in record.message for record in caplog.records) == 1
    evening.world.add_device("speaker1", "Kitchen")
    evening.pass_time(1800 + 720)
    assert evening.dj.status.state.value == "ready"
    assert evening.starts


def test_a_broken_catalogue_is_a_state_too(server: SpotifyServer, spotify: SpotifyClient) -> None:
    """Nothing to play, for whatever reason, does not end the player."""
    evening = Evening(server, spotify, songs=1)
    evening.set_mood(Expression.HAPPY)
    evening.pass_time(400)
    assert evening.dj.status.state == SpotifyState.NOTHING_TO_PLAY
    evening.tracks.broken = True
    evening.pass_time(2000)
    assert "damaged" in evening.dj.status.sentence


def only_commands(name: str) -> Callable[[str, str], str]:
    """Return the fault for commands only: polls succeed, so that commands are sent."""
    return lambda method, path: "" if method == "GET" or path.endswith("/token") else name


def not_tokens(name: str) -> Callable[[str, str], str]:
    """Return the fault for all but token refreshes: where a refresh's response is lost, so is the login."""
    return lambda _method, path: "" if path.endswith("/token") else name


@pytest.mark.parametrize("fault", ["lost", "500after", "cut"])
def test_a_command_whose_response_was_lost_is_not_repeated(
    server: SpotifyServer, spotify: SpotifyClient, fault: str
) -> None:
    """Every command is executed without a response, for two hours: each song starts once, uncut, and is recorded."""
    evening = Evening(server, spotify)
    evening.world.fault = only_commands(fault)
    evening.set_mood(Expression.HAPPY)
    evening.pass_time(7200)
    starts = evening.world.starts
    assert len(starts) > 20
    assert len({start.uri for start in starts}) == len(starts)
    assert [start for start in starts if start.cut > 0] == []
    assert len(evening.tracks.heard) >= len(starts) - 1


@pytest.mark.parametrize("fault", ["dead", "500", "403"])
def test_a_command_that_was_not_executed(server: SpotifyServer, spotify: SpotifyClient, fault: str) -> None:
    """Commands do nothing for an hour: when they work again, music begins, with a song that was not heard yet."""
    evening = Evening(server, spotify)
    evening.world.fault = only_commands(fault)
    evening.set_mood(Expression.HAPPY)
    evening.pass_time(3600)
    assert evening.starts == []
    evening.world.fault = ""
    evening.pass_time(4200)
    assert len(evening.starts) >= 2
    assert len(set(evening.starts)) == len(evening.starts)


def plan_faults(evening: Evening) -> list[tuple[float, float]]:
    """Plan what goes wrong in six hours; return the spans in which no request may come, in seconds of the evening."""
    world = evening.world

    def fault(name: str) -> Callable[[], object]:
        some = {"lost": only_commands, "500after": only_commands, "cut": not_tokens, "slow": not_tokens}
        return lambda: setattr(world, "fault", some[name](name) if name in some else name)

    spans = [
        (1000, 1400, "dead"), (2000, 2300, "500"), (2600, 2900, "html"), (3300, 3600, "cut"), (4000, 4300, "502"),
        (4600, 5000, "lost"), (5300, 5700, "500after"), (6000, 6200, "401"), (6500, 6800, "string"),
        (14000, 14300, "list"),        (14400, 14600, "redirect"), (15000, 15300, "nul"), (15500, 15540, "slow"),
    ]  # fmt: skip
    for begin, end, name in spans:
        evening.at(begin, fault(name))
        evening.at(end, fault(""))
    evening.at(7000, fault("429:3600"))
    evening.at(7100, fault(""))
    evening.at(12000, lambda: world.person_plays(AIR, "speaker1"))
    evening.at(13500, world.access.clear)
    evening.at(16000, lambda: world.devices["speaker1"].update(is_restricted=True))
    evening.at(16400, lambda: world.devices["speaker1"].update(is_restricted=False))
    evening.at(17000, world.person_skips)
    evening.at(18000, lambda: world.devices.pop("speaker1"))
    evening.at(18600, lambda: world.add_device("speaker1", "Kitchen"))
    evening.at(20000, world.refresh.clear)
    evening.at(20001, world.access.clear)
    moods = [Expression.HAPPY, Expression.SAD, None, Expression.ANGRY, Expression.NEUTRAL]
    for n in range(int(6 * HOUR / 90)):
        evening.at(n * 90, partial(evening.set_mood, moods[n * 7 % 5]))
    return [(7101, 10600)]


@pytest.mark.usefixtures("spotify")
def test_an_evening_of_six_hours(server: SpotifyServer, store: TokenStore, caplog: pytest.LogCaptureFixture) -> None:
    """Through every fault: no track starts twice or is cut, no request in a Retry-After, no token in a log; bounded."""
    for name in ("", "spotipy", "urllib3", "mien"):
        caplog.set_level(1, logger=name)
    evening = Evening(server, open_client(server, store, timeout=1.0))
    server.spotify.rotate, server.spotify.hang = True, 0.3
    secrets: set[str] = set()
    forbidden = plan_faults(evening)
    for hour in range(1, 7):
        evening.pass_time(hour * HOUR)
        secrets |= evening.world.refresh | set(evening.world.access)
    ours = [start for start in evening.world.starts if start.by != "person"]
    assert len(ours) > 40
    assert len({start.uri for start in ours}) == len(ours)
    assert [start for start in ours if start.cut > 0] == []
    times = [request.at - evening.begun for request in evening.world.requests]
    assert not [time for time in times for begin, end in forbidden if begin < time < end]
    assert max(sum(t - HOUR < other <= t for other in times) for t in times) <= PER_HOUR
    assert not [at for at, _ in evening.commands() if 12000 + POLL_INTERVAL < at - evening.begun < 13200]
    assert evening.dj.status.state == SpotifyState.CONSENT_ENDED
    assert store.token() is None
    log = "\n".join(record.getMessage() for record in caplog.records)
    assert len(secrets) > 6
    assert not [secret for secret in secrets if secret in log]
    warned = [r.message for r in caplog.records if r.name == "mien.music" and r.levelno == logging.WARNING]
    assert len(warned) < 60, "each state is logged once, not at every attempt"


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.usefixtures("spotify")
def test_random_evenings_keep_the_rules(server: SpotifyServer, store: TokenStore, seed: int) -> None:
    """Whatever goes wrong whenever, for however long: no track starts twice, and none is cut."""
    rng = random.Random(seed)
    server.spotify.contract = None
    longest_delays = partial(float, 0)  # no jitter, which only shortens them
    evening = Evening(
        server, open_client(server, store, timeout=2.0), device="Kitchen", draw=longest_delays, takeover_pause=300.0
    )
    evening.world.add_device("speaker2", "Bedroom")
    faults = ["dead", "500", "html", "cut", "lost", "500after", "429:90", "string", "list", "nul", *[""] * 12]
    persons: list[Callable[[Evening], object]] = [*list(PERSON.values())[:5], lambda e: e.world.person_skips()]
    for second in range(0, 10800, 60):
        if rng.random() < 0.3:
            name = rng.choice(faults)
            fault = only_commands(name) if rng.random() < 0.5 else name
            evening.at(second, partial(setattr, evening.world, "fault", fault))
        if rng.random() < 0.02:
            evening.at(second, lambda: evening.world.player.uri and rng.choice(persons)(evening))
        if rng.random() < 0.3:
            evening.at(second, lambda: evening.set_mood(rng.choice([*Expression, None])))
    evening.pass_time(10800)
    ours = [start for start in evening.world.starts if start.by != "person" and start.uri != AIR]
    assert len(ours) > 3
    assert len({start.uri for start in ours}) == len(ours)
    assert [start for start in ours if start.cut > 0] == []
