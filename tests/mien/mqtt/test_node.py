"""A node and a real mosquitto, on fair days and foul."""

from __future__ import annotations

import contextlib
import itertools
import logging
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mien.config import Config, MqttConfig
from mien.controls import Controls, Diagnostics
from mien.errors import ConfigError
from mien.events import CameraEvent, Mood
from mien.expression import Expression
from mien.mqtt import connection, node, payloads
from mien.mqtt.broker import BrokerSettings
from mien.mqtt.connection import Connection, ConnectionTiming, Received, Subscription
from mien.mqtt.controls import MusicControls
from mien.mqtt.discovery import DeviceInfo
from mien.mqtt.node import Node
from mien.mqtt.outbox import WAITING_EVENTS, Message
from mien.service import mqtt_output
from tests.eventually import eventually
from tests.fakes.mosquitto import (
    PASSWORD,
    USER,
    Broker,
    Door,
    Ear,
    OldBroker,
    hearing,
    needs_broker,
    retained,
    running,
)

pytestmark = needs_broker

QUICK = ConnectionTiming(keepalive=4, patience=2.5, first_delay=0.2, longest_delay=0.4, drain_timeout=2.0)


def mood(number: int) -> Mood:
    """One mood after another, none like the one before."""
    expression = Expression(number % 7)
    return Mood(expression, 0.4, tuple(0.4 if e == expression else 0.1 for e in Expression), float(number))


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    caplog.set_level(logging.INFO)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with running(tmp_path) as made:
        yield made


@contextlib.contextmanager
def home(port: int, music: MusicControls | None = None, **given: Any) -> Iterator[tuple[Node, Controls]]:
    """A node whose camera is open."""
    settings: dict[str, Any] = {"host": "127.0.0.1", "port": port, "node": "kitchen"}
    config = Config(mqtt=MqttConfig(**settings | given))
    controls = Controls(config.vision, config.mood)
    with mqtt_output.open_mqtt_output(config.mqtt, controls, music, QUICK) as made:
        made.handle(CameraEvent("open", "", 0.0))
        yield made, controls


def says(ear: Ear, wanted: Mood) -> bool:
    """Whether the latest state is this mood."""
    last = ear.last("mien/kitchen/state")
    return last is not None and payloads.mood_of(payloads.read(last.payload, payloads.StatePayload)) == wanted


def kept_mood(where: Broker) -> Mood | None:
    """What a newcomer hears."""
    kept = retained(where).get("mien/kitchen/state")
    return payloads.mood_of(payloads.read(kept, payloads.StatePayload)) if kept else None


@pytest.mark.parametrize("how", ["plain", "password", "tls", "client certificate", "connack", "close"])
def test_node_speaks_to_every_kind_of_broker(tmp_path: Path, how: str, caplog: pytest.LogCaptureFixture) -> None:
    """MQTT 5 and 3.1.1, with and without TLS, certificates and passwords: the retained state is the last mood."""
    certified = how == "client certificate"
    with running(
        tmp_path, password=how == "password", tls=how == "tls" or certified, client_certificates=certified
    ) as real:
        settings: dict[str, Any] = {}
        if how == "password":
            (tmp_path / "password").write_text(PASSWORD + "\n")
            (tmp_path / "password").chmod(0o600)
            settings = {"username": USER, "password_file": str(tmp_path / "password")}
        if real.tls:
            settings = {"host": "localhost", "tls": True, "ca_file": str(tmp_path / "ca.pem")}
        if certified:
            settings |= {"cert_file": str(tmp_path / "client.pem"), "key_file": str(tmp_path / "client.key")}
        old = OldBroker(real, how) if how in ("connack", "close") else None
        with home(old.port if old else real.port, **settings) as (made, _):
            made.handle(mood(1))
            assert eventually(lambda: made.link.up and not made.link.waiting), caplog.text
            assert eventually(lambda: kept_mood(real) == mood(1))
            assert retained(real)["mien/kitchen/availability"] == b"online"
        assert retained(real)["mien/kitchen/availability"] == b"offline"
        protocol = "p2" if old else "p5"  # as mosquitto calls MQTT 3.1.1 and 5
        said = (tmp_path / "mosquitto.log").read_text()
        assert [line for line in said.splitlines() if " as mien-" in line and protocol in line]
        assert PASSWORD not in caplog.text
        if old:
            old.close()


# paho leaves it to the collector to close the socket of a failed handshake
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_refusals_are_told_with_the_delay(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A wrong password and an untrusted certificate are named with what to mend and when it is tried again."""
    with running(tmp_path, password=True) as real, home(real.port):
        assert eventually(lambda: "mqtt.password_file" in caplog.text)
        assert "Next attempt in" in caplog.text
    caplog.clear()
    other = tmp_path / "tls"
    other.mkdir()
    with running(other, tls=True) as real, home(real.port, host="localhost", tls=True):
        assert eventually(lambda: "mqtt.ca_file" in caplog.text)
    caplog.clear()
    with home(1, host="no-such-host.invalid"):
        assert eventually(lambda: "mqtt.host" in caplog.text)


def outage(real: Broker, how: str) -> Iterator[None]:
    """Broken between the first and the second step, whole again after it."""
    if how == "killed":
        real.kill()
        yield
        real.start()
    elif how == "stopped":
        real.send(signal.SIGSTOP)
        yield
        real.send(signal.SIGCONT)
    else:
        real.kill()
        with silence(real.port):
            yield
        real.start()
    yield


@contextlib.contextmanager
def silence(port: int) -> Iterator[None]:
    """A server that accepts and says nothing."""
    taken: list[socket.socket] = []
    server = socket.create_server(("127.0.0.1", port))

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                taken.append(server.accept()[0])

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(2)
        for each in taken:
            each.close()


@pytest.mark.parametrize("how", ["killed", "stopped", "silent"])
def test_outages_lose_nothing_that_counts(broker: Broker, how: str) -> None:
    """Killed and restarted empty, stopped, or replaced by one that says nothing, in the middle of a stream.

    Afterwards the retained state is the last mood, every change was delivered once or merged into the latest, discovery
    is there again, and nothing piles up. The node is let in again when the listener after the outage is there: events
    are not retained, so whoever comes later does not hear them.
    """
    door = Door(broker)
    with home(door.port) as (made, _), hearing(broker.port) as before:
        assert eventually(lambda: before.last("mien/kitchen/availability"))
        for number in range(3):
            made.handle(mood(number))
        assert eventually(lambda: says(before, mood(2)))
        steps = outage(broker, how)
        next(steps)
        for number in range(3, 2003):
            made.handle(mood(number))
        assert eventually(lambda: not made.link.up, 15)
        for number in range(2003, 4003):
            made.handle(mood(number))
            assert made.link.waiting <= connection.IN_FLIGHT + WAITING_EVENTS
        door.shut()
        next(steps)
        with hearing(broker.port) as after:
            door.open()
            assert eventually(lambda: says(after, mood(4002)), 15)
            assert eventually(lambda: not made.link.waiting)
            for number in range(4003, 4006):
                made.handle(mood(number))
            assert eventually(lambda: says(after, mood(4005)) and not made.link.waiting)
        delivered = [[event.json["seq"] for event in ear.of("mien/kitchen/event")] for ear in (before, after)]
        for numbers in delivered:
            assert len(numbers) == len(set(numbers)), "an event came twice"
        # the moods 0 to 2 before the outage, 4002 the latest of it, and those after it; seq counts from 1
        assert {1, 2, 3, 4003, 4004, 4005, 4006} <= {number for numbers in delivered for number in numbers}
    assert "homeassistant/device/mien_kitchen/config" in retained(broker.port)
    assert kept_mood(broker) == mood(4005)
    door.close()


def test_a_shaking_face_does_not_flood(broker: Broker) -> None:
    """Thirty changes in three seconds are thirty events in order, at most one state a second, and the last is right."""
    with home(broker.port) as (made, _), hearing(broker.port) as ear:
        assert eventually(lambda: ear.last("mien/kitchen/availability"))
        began = time.monotonic()
        for number in range(30):
            made.handle(mood(number))
            time.sleep(0.1)
        lasted = time.monotonic() - began
        assert eventually(lambda: says(ear, mood(29)), 3)
        assert [message.json["seq"] for message in ear.of("mien/kitchen/event")] == list(range(1, 31))
        states = ear.of("mien/kitchen/state")
        assert len(states) <= lasted + 3
        gaps = [after.at - before.at for before, after in itertools.pairwise(states)]
        assert min(gaps) > 0.9


def test_a_change_is_said_within_a_second(broker: Broker) -> None:
    """From the mood to the automation's ear: events at once, states within the second of their rate."""
    with home(broker.port) as (made, _), hearing(broker.port) as ear:
        assert eventually(lambda: ear.last("mien/kitchen/availability"))
        for number in range(3):
            time.sleep(1.1)
            began = time.monotonic()
            made.handle(mood(number))
            assert eventually(lambda number=number: len(ear.of("mien/kitchen/event")) == number + 1)  # type: ignore[misc]
            assert ear.of("mien/kitchen/event")[-1].at - began < 0.2


def test_heartbeat_tells_that_nothing_changed(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    """States and diagnostics come again though nothing is new, so that what is old can expire."""
    monkeypatch.setattr(node, "HEARTBEAT", 0.5)
    with home(broker.port), hearing(broker.port) as ear:
        assert eventually(lambda: len(ear.of("mien/kitchen/state")) >= 4 and len(ear.of("mien/kitchen/diag")) >= 4, 5)
        assert len({message.payload for message in ear.of("mien/kitchen/state")[1:]}) == 1


def test_doubtful_readings_are_told_by_reason(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    """The house sees how many readings were weighed down or dropped, and why."""
    monkeypatch.setattr(node, "HEARTBEAT", 0.2)
    with home(broker.port) as (_, controls), hearing(broker.port) as ear:
        controls.diagnostics = Diagnostics(low_quality={"dark": 3, "turned": 1})
        assert eventually(
            lambda: (last := ear.last("mien/kitchen/diag")) is not None and last.json["low_quality"] != {}
        )
        assert ear.last("mien/kitchen/diag").json["low_quality"] == {"dark": 3, "turned": 1}  # type: ignore[union-attr]


HOSTILE: list[tuple[str, bytes]] = [
    ("reboot", b"now"),
    ("detection", b""),
    ("detection", b"off"),
    ("detection", b"\xff\xfe"),
    ("detection", b"O" * 1_000_000),
    ("threshold", b"3000"),
    ("threshold", b"nan"),
    ("threshold", b'{"value": 50}'),
    ("profile", b"turbo\nINFO: forged"),
    ("music", b"ON"),
]


def test_hostile_commands_are_named_and_change_nothing(broker: Broker, caplog: pytest.LogCaptureFixture) -> None:
    """Unknown, wrong, huge, empty, not UTF-8, out of range, or for music that is not on: refused, named, no effect."""
    with home(broker.port) as (made, controls), hearing(broker.port, "mien/kitchen/+") as ear:
        assert eventually(lambda: ear.last("mien/kitchen/availability"))
        before = made._settings()
        for name, payload in HOSTILE:
            ear.say(f"mien/kitchen/{name}/set", payload)
        ear.say("mien/kitchen/detection/set", "OFF", retain=True)
        ear.say("mien/kitchen/threshold/set", "70")
        assert eventually(lambda: controls.threshold == 0.7)
        assert (controls.detection, controls.profile, controls.stopping) == (before.detection, before.profile, None)
        assert ear.last("mien/kitchen/settings").json["threshold"] == 0.7 or eventually(  # type: ignore[union-attr]
            lambda: ear.last("mien/kitchen/settings").json["threshold"] == 0.7  # type: ignore[union-attr]
        )
    refusals = [record.getMessage() for record in caplog.records if "refused" in record.getMessage()]
    assert len(refusals) >= len(HOSTILE) - 1  # the huge one may be kept back by the broker itself
    assert any("'mien/kitchen/detection/set'" in text and "retained" in text for text in refusals)
    assert not [record for record in caplog.records if "\n" in record.getMessage()]


def test_a_flood_of_nonsense_is_not_a_flood_of_lines(broker: Broker, caplog: pytest.LogCaptureFixture) -> None:
    """Two hundred refused commands make a dozen lines, and the node still obeys."""
    with home(broker.port) as (_, controls), hearing(broker.port, "mien/kitchen/+") as ear:
        assert eventually(lambda: ear.last("mien/kitchen/availability"))
        for _ in range(200):
            ear.say("mien/kitchen/profile/set", "turbo", qos=0)
        ear.say("mien/kitchen/profile/set", "eco")
        assert eventually(lambda: controls.profile == "eco")
    assert len([record for record in caplog.records if record.levelno >= logging.WARNING]) <= 12


def test_what_the_house_set_outlives_a_restart(broker: Broker, tmp_path: Path) -> None:
    """A camera that was turned off stays off, in a file only mien can read."""
    with home(broker.port), hearing(broker.port) as ear:
        assert eventually(lambda: ear.last("mien/kitchen/availability"))
        ear.say("mien/kitchen/detection/set", "OFF")
        ear.say("mien/kitchen/threshold/set", "61")
        assert eventually(lambda: (ear.last("mien/kitchen/settings") or ear.messages[0]).json.get("threshold") == 0.61)
    with home(broker.port) as (_, controls):
        assert (controls.detection, controls.threshold) == (False, 0.61)
    file = tmp_path / "state" / mqtt_output.SETTINGS_FILE
    assert file.stat().st_mode & 0o077 == 0
    file.write_bytes(b"{broken")
    with home(broker.port) as (_, controls):
        assert controls.detection


class Player:
    """A music output's controls that remember what was asked."""

    def __init__(self) -> None:
        self.now = payloads.MusicPayload(on=True, intent="match", playing="A song", why="Because", state="ready")
        self.skipped = 0

    def status(self) -> payloads.MusicPayload:
        return self.now

    def _set(self, **what: Any) -> None:
        import msgspec

        self.now = msgspec.structs.replace(self.now, **what)

    def set_enabled(self, on: bool) -> None:
        self._set(on=on)

    def set_intent(self, intent: str) -> None:
        self._set(intent=intent)

    def set_mood(self, mood: str) -> None:
        self._set(mood=mood)

    def skip(self) -> None:
        self.skipped += 1


def test_music_obeys_the_house(broker: Broker) -> None:
    """Where music is on: its switch, intent, mood by hand and skip reach it, and what it does is said."""
    player = Player()
    with home(broker.port, player), hearing(broker.port) as ear:
        assert eventually(lambda: ear.last("mien/kitchen/availability"))
        for name, text in (("music", "OFF"), ("intent", "lift"), ("mood", "sad"), ("skip", "PRESS")):
            ear.say(f"mien/kitchen/{name}/set", text)
        assert eventually(lambda: player.skipped == 1)
        assert (player.now.on, player.now.intent, player.now.mood) == (False, "lift", "sad")
        assert eventually(lambda: (ear.last("mien/kitchen/music") or ear.messages[0]).json.get("mood") == "sad")
        assert eventually(lambda: (ear.last("mien/kitchen/diag") or ear.messages[0]).json.get("music") == "ready")


def test_home_assistants_birth_is_answered(broker: Broker) -> None:
    """After its birth message discovery comes again, and the state after it."""
    with home(broker.port), hearing(broker.port) as ear:
        assert eventually(lambda: ear.last("mien/kitchen/availability"))
        before = len(ear.messages)
        ear.say("homeassistant/status", "online", qos=0)
        assert eventually(lambda: "mien/kitchen/availability" in [m.topic for m in ear.messages[before:]])
        said = [message.topic for message in ear.messages[before:]]
        assert said.index("homeassistant/device/mien_kitchen/config") < said.index("mien/kitchen/state")


def test_a_fault_of_the_camera_is_not_a_mood(broker: Broker) -> None:
    """With the camera's fault the mood is gone from the state, the diagnostics go on, and no event is made of it."""
    with home(broker.port) as (made, _), hearing(broker.port) as ear:
        made.handle(mood(1))
        assert eventually(lambda: says(ear, mood(1)))
        made.handle(CameraEvent("fault", "The camera gives no pictures: check its cable.", 2.0))
        assert eventually(lambda: ear.last("mien/kitchen/camera").json["state"] == "fault")  # type: ignore[union-attr]
        assert eventually(lambda: ear.last("mien/kitchen/state").json["expression"] is None)  # type: ignore[union-attr]
        assert ear.last("mien/kitchen/state").json["faces"] == 0  # type: ignore[union-attr]
        assert ear.last("mien/kitchen/availability").payload == b"online"  # type: ignore[union-attr]
        assert len(ear.of("mien/kitchen/event")) == 1


def rival(broker: Broker, identity: str) -> Node:
    """The same node on another machine."""
    config = Config()
    device = DeviceInfo("kitchen", "Mien", "", "en", "1", "")
    return Node(
        device,
        BrokerSettings("127.0.0.1", broker.port),
        identity=identity,
        machine=node.MachineInfo(lambda: None),
        controls=Controls(config.vision, config.mood),
        timing=QUICK,
    )


def test_a_second_machine_with_the_name_stands_aside(broker: Broker, caplog: pytest.LogCaptureFixture) -> None:
    """It says so with the other's host, never goes online, and takes over once the first has gone."""
    second = rival(broker, "twin")
    with hearing(broker.port) as ear:
        with home(broker.port) as (first, _):
            first.handle(mood(1))
            assert eventually(lambda: says(ear, mood(1)))
            second.start()
            second.handle(mood(2))
            assert eventually(lambda: "already speaks as node 'kitchen'" in caplog.text)
            time.sleep(1.5)
            print((Path(broker.folder) / "mosquitto.log").read_text())
            assert first.link.up
            assert [message.payload for message in ear.of("mien/kitchen/availability")] == [b"online"]
            assert {message.json["run"] for message in ear.of("mien/kitchen/event")} == {first._run}
        assert eventually(lambda: ear.last("mien/kitchen/state").json["run"] == second._run, 5)  # type: ignore[union-attr]
        second.close()


def test_two_that_start_at_once_leave_one(broker: Broker) -> None:
    """Started in one moment, one of them speaks at the end, under its own name, and the other stands aside."""
    first, second = rival(broker, "one"), rival(broker, "two")
    first.start()
    second.start()
    try:
        assert eventually(
            lambda: first._claim.speaking != second._claim.speaking and (first.link.up or second.link.up), 5
        )
        time.sleep(1.5)
        speaker = first if first._claim.speaking else second
        assert not (first._claim.speaking and second._claim.speaking)
        kept = retained(broker.port)
        assert payloads.read(kept["mien/kitchen/instance"], payloads.InstancePayload).id == speaker._claim.mine.id
        assert kept["mien/kitchen/availability"] == b"online"
    finally:
        first.close()
        second.close()


def test_a_stray_last_will_is_corrected(broker: Broker) -> None:
    """A foreign "offline" does not make a living node dead."""
    with home(broker.port), hearing(broker.port) as ear:
        assert eventually(lambda: ear.last("mien/kitchen/availability"))
        ear.say("mien/kitchen/availability", "offline", retain=True)
        assert eventually(
            lambda: [m.payload for m in ear.of("mien/kitchen/availability")][-2:] == [b"offline", b"online"]
        )


def test_the_same_installation_twice_is_refused(broker: Broker) -> None:
    """A second mien of the same user with the same node name is told so before it connects."""
    with home(broker.port), pytest.raises(ConfigError, match="already speaks as node"), home(broker.port):
        pass


class Clumsy:
    """A listener that fails in every call."""

    def __init__(self) -> None:
        self.calls = 0

    def connected(self) -> None:
        raise RuntimeError("connected")

    def heard(self, message: Received) -> None:
        self.calls += 1
        raise RuntimeError(message.topic)

    def pulse(self) -> None:
        """The only one that works."""


def test_a_failing_listener_does_not_end_the_thread(broker: Broker, caplog: pytest.LogCaptureFixture) -> None:
    """Callbacks are guarded: the thread lives on, hears on and says what failed; a dead one is seen by `alive`."""
    clumsy = Clumsy()
    link = Connection(BrokerSettings("127.0.0.1", broker.port), "clumsy", clumsy, [Subscription("a")], timing=QUICK)
    assert not link.alive()
    link.start()
    assert eventually(lambda: link.up)
    for _ in range(2):
        link.send(Message("a", b"x"))
    assert eventually(lambda: clumsy.calls == 2)
    assert link.alive()
    assert link.up
    assert "RuntimeError" in caplog.text
    link.stop()
    assert not link.alive()


def test_a_stuck_thread_is_not_alive() -> None:
    """A thread that has not come round for a minute counts as dead, so that the watchdog bites."""
    now = [0.0]
    link = Connection(BrokerSettings("127.0.0.1", 1), "stuck", Clumsy(), [], timing=QUICK, clock=lambda: now[0])
    link._thread = threading.Thread(target=time.sleep, args=(0.5,))
    link._thread.start()
    assert link.alive()
    now[0] = 60.0
    assert not link.alive()
    link._thread.join()
    link.stop()


def test_delays_grow_are_capped_and_jittered(caplog: pytest.LogCaptureFixture) -> None:
    """1, 2, 4, ... up to the longest, shortened by up to half, each logged."""
    timing = ConnectionTiming(first_delay=0.1, longest_delay=0.8)
    chances = iter([0.0, 1.0] * 3)
    times = iter(range(1000))  # so no delay is waited for in earnest
    link = Connection(
        BrokerSettings("nobody", 1),
        "nobody",
        Clumsy(),
        [],
        timing=timing,
        clock=lambda: float(next(times)),
        chance=lambda: next(chances),
    )
    for _ in range(6):
        link._wait_for_next()
    said = [record.getMessage() for record in caplog.records if "nobody:1" in record.getMessage()]
    assert [text.split("in ")[-1] for text in said] == ["0.1 s.", "0.1 s.", "0.4 s.", "0.4 s.", "0.8 s.", "0.4 s."]
    link.stop()
