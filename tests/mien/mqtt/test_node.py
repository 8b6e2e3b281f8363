"""A node and a real mosquitto: publishing, commands, outages, and two machines with one name."""

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

import msgspec
import pytest

from mien import state
from mien.clock import Clock
from mien.config import Config, MoodConfig, MqttConfig, VisionConfig
from mien.controls import DEFAULT_PERSON, Controls, Diagnostics, LearningStatus
from mien.errors import ConfigError
from mien.events import CameraEvent, Mood
from mien.expression import Expression
from mien.mqtt import node, payloads
from mien.mqtt.broker import BrokerSettings
from mien.mqtt.commands import MusicControls, current_settings
from mien.mqtt.discovery import DeviceInfo
from mien.mqtt.node import Node
from mien.mqtt.outbox import IN_FLIGHT, PENDING_EVENTS
from mien.service import mqtt_output
from tests.eventually import eventually
from tests.fakes.mosquitto import (
    PASSWORD,
    QUICK,
    USER,
    Broker,
    BrokerProxy,
    MessageRecorder,
    Mqtt311Proxy,
    needs_broker,
    recording,
    retained_messages,
    running_broker,
)

pytestmark = [needs_broker, pytest.mark.usefixtures("state_directory", "info_log")]


def mood(number: int) -> Mood:
    """Return a mood that differs from those of the numbers before and after."""
    expression = Expression(number % 7)
    return Mood(expression, 0.4, tuple(0.4 if e == expression else 0.1 for e in Expression), float(number))


@contextlib.contextmanager
def running_node(port: int, music: MusicControls | None = None, **options: Any) -> Iterator[tuple[Node, Controls]]:
    """Yield a node whose camera is open, and its controls. options: keys of [mqtt]."""
    settings: dict[str, Any] = {"host": "127.0.0.1", "port": port, "node": "kitchen"}
    config = Config(mqtt=MqttConfig(**settings | options))
    controls = Controls(config.vision, config.mood)
    with mqtt_output.open_mqtt_output(config.mqtt, controls, music, QUICK) as started:
        started.handle(CameraEvent("open", "", 0.0))
        yield started, controls


def has_published(recorder: MessageRecorder, wanted: Mood) -> bool:
    """Return whether the latest state is this mood."""
    last = recorder.last("mien/kitchen/state")
    return last is not None and payloads.to_mood(payloads.decode(last.payload, payloads.StatePayload)) == wanted


def retained_mood(broker: Broker) -> Mood | None:
    """Return the mood that the broker retains."""
    payload = retained_messages(broker).get("mien/kitchen/state")
    return payloads.to_mood(payloads.decode(payload, payloads.StatePayload)) if payload else None


@pytest.mark.parametrize("how", ["plain", "password", "tls", "client certificate", "connack", "close"])
def test_node_connects_to_every_kind_of_broker(tmp_path: Path, how: str, caplog: pytest.LogCaptureFixture) -> None:
    """With MQTT 5 and 3.1.1, TLS, certificates and passwords or without: the retained state is the last mood."""
    certified = how == "client certificate"
    with running_broker(
        tmp_path, password=how == "password", tls=how == "tls" or certified, client_certificates=certified
    ) as broker:
        settings: dict[str, Any] = {}
        if how == "password":
            (tmp_path / "password").write_text(PASSWORD + "\n")
            (tmp_path / "password").chmod(0o600)
            settings = {"username": USER, "password_file": str(tmp_path / "password")}
        if broker.tls:
            settings = {"host": "localhost", "tls": True, "ca_file": str(tmp_path / "ca.pem")}
        if certified:
            settings |= {"cert_file": str(tmp_path / "client.pem"), "key_file": str(tmp_path / "client.key")}
        proxy = Mqtt311Proxy(broker, how) if how in ("connack", "close") else None
        with running_node(proxy.port if proxy else broker.port, **settings) as (running, _):
            running.handle(mood(1))
            assert eventually(lambda: running.connection.is_connected and not running.connection.pending), caplog.text
            assert eventually(lambda: retained_mood(broker) == mood(1))
            assert retained_messages(broker)["mien/kitchen/availability"] == b"online"
        assert retained_messages(broker)["mien/kitchen/availability"] == b"offline"
        protocol = "p2" if proxy else "p5"  # mosquitto's names for MQTT 3.1.1 and 5
        log = (tmp_path / "mosquitto.log").read_text()
        assert [line for line in log.splitlines() if " as mien-" in line and protocol in line]
        assert PASSWORD not in caplog.text
        if proxy:
            proxy.close()


# paho leaves the socket of a failed handshake to the garbage collector
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_failures_are_logged_with_the_delay(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A missing password, an untrusted certificate and an unknown host are logged with the key to check."""
    with running_broker(tmp_path, password=True) as broker, running_node(broker.port):
        assert eventually(lambda: "mqtt.password_file" in caplog.text)
        assert "Next attempt in" in caplog.text
    caplog.clear()
    other = tmp_path / "tls"
    other.mkdir()
    with running_broker(other, tls=True) as broker, running_node(broker.port, host="localhost", tls=True):
        assert eventually(lambda: "mqtt.ca_file" in caplog.text)
    caplog.clear()
    with running_node(1, host="no-such-host.invalid"):
        assert eventually(lambda: "mqtt.host" in caplog.text)


def outage(broker: Broker, how: str) -> Iterator[None]:
    """Break a broker with the first step, and restore it with the second."""
    if how == "killed":
        broker.kill()
        yield
        broker.start()
    elif how == "stopped":
        broker.send_signal(signal.SIGSTOP)
        yield
        broker.send_signal(signal.SIGCONT)
    else:
        broker.kill()
        with silent_server(broker.port):
            yield
        broker.start()
    yield


@contextlib.contextmanager
def silent_server(port: int) -> Iterator[None]:
    """Run a server that accepts connections and sends nothing."""
    accepted: list[socket.socket] = []
    server = socket.create_server(("127.0.0.1", port))

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                accepted.append(server.accept()[0])

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(2)
        for each in accepted:
            each.close()


@pytest.mark.parametrize("how", ["killed", "stopped", "silent"])
def test_outages_lose_nothing_that_matters(broker: Broker, how: str) -> None:
    """The broker is killed and restarted empty, stopped, or replaced by a silent one, in the middle of a stream.

    Afterwards the retained state is the last mood, every change was delivered once or merged into the latest, discovery
    is retained again, and the number of pending messages is bounded. The node may connect again only when the recorder
    after the outage has: events are not retained, so a later recorder would miss them.
    """
    proxy = BrokerProxy(broker)
    with running_node(proxy.port) as (running, _), recording(broker.port) as before:
        assert eventually(lambda: before.last("mien/kitchen/availability"))
        for number in range(3):
            running.handle(mood(number))
        assert eventually(lambda: has_published(before, mood(2)))
        steps = outage(broker, how)
        next(steps)
        for number in range(3, 2003):
            running.handle(mood(number))
        assert eventually(lambda: not running.connection.is_connected, 15)
        for number in range(2003, 4003):
            running.handle(mood(number))
            assert running.connection.pending <= IN_FLIGHT + PENDING_EVENTS
        proxy.block()
        next(steps)
        with recording(broker.port) as after:
            proxy.unblock()
            assert eventually(lambda: has_published(after, mood(4002)), 15)
            assert eventually(lambda: not running.connection.pending)
            for number in range(4003, 4006):
                running.handle(mood(number))
            assert eventually(lambda: has_published(after, mood(4005)) and not running.connection.pending)
        delivered = [
            [event.json["seq"] for event in recorder.on_topic("mien/kitchen/event")] for recorder in (before, after)
        ]
        for numbers in delivered:
            assert len(numbers) == len(set(numbers)), "an event was delivered twice"
        # the moods 0 to 2 before the outage, 4002 the latest of it, and those after it; seq counts from 1
        assert {1, 2, 3, 4003, 4004, 4005, 4006} <= {number for numbers in delivered for number in numbers}
    assert "homeassistant/device/mien_kitchen/config" in retained_messages(broker.port)
    assert retained_mood(broker) == mood(4005)
    proxy.close()


def test_a_flickering_mood_does_not_flood(broker: Broker) -> None:
    """Thirty changes in three seconds are thirty events in order, at most one state a second, and the last is right."""
    now = [0.0]
    clock = Clock(steady=lambda: now[0])
    flickering = other_machine(broker, "flickering", clock)
    flickering.start()
    flickering.handle(CameraEvent("open", "", 0.0))
    with contextlib.closing(flickering), recording(broker.port, clock=clock.steady) as recorder:
        assert eventually(lambda: recorder.last("mien/kitchen/availability"))
        settle(flickering, recorder)
        began = now[0]
        for number in range(30):
            flickering.handle(mood(number))
            assert eventually(lambda number=number: len(recorder.on_topic("mien/kitchen/event")) == number + 1)  # type: ignore[misc]
            settle(flickering, recorder)
            now[0] += 0.1
        lasted = now[0] - began
        now[0] += node.STATE_INTERVAL
        assert eventually(lambda: has_published(recorder, mood(29)), 3)
        assert [message.json["seq"] for message in recorder.on_topic("mien/kitchen/event")] == list(range(1, 31))
        states = recorder.on_topic("mien/kitchen/state")
        assert len(states) <= lasted + 3
        gaps = [after.at - before.at for before, after in itertools.pairwise(states)]
        assert min(gaps) > 0.9


def settle(running: Node, recorder: MessageRecorder) -> None:
    """Return when what a node had to publish has arrived."""
    assert eventually(lambda: not running.connection.pending)
    recorder.fence()


def test_a_change_is_published_within_a_second(broker: Broker) -> None:
    """From the mood to a client: events at once, states within the second of their rate."""
    with running_node(broker.port) as (running, _), recording(broker.port) as recorder:
        assert eventually(lambda: recorder.last("mien/kitchen/availability"))
        for number in range(3):
            began = time.monotonic()
            running.handle(mood(number))
            assert eventually(lambda number=number: len(recorder.on_topic("mien/kitchen/event")) == number + 1)  # type: ignore[misc]
            assert recorder.on_topic("mien/kitchen/event")[-1].at - began < 0.2
            assert eventually(lambda number=number: has_published(recorder, mood(number)), 2)  # type: ignore[misc]


def test_heartbeat_repeats_what_has_not_changed(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    """States and diagnostics are published again without a change, so that old ones can expire."""
    monkeypatch.setattr(node, "HEARTBEAT", 0.5)
    with running_node(broker.port), recording(broker.port) as recorder:
        assert eventually(
            lambda: (
                len(recorder.on_topic("mien/kitchen/state")) >= 4 and len(recorder.on_topic("mien/kitchen/diag")) >= 4
            ),
            5,
        )
        assert len({message.payload for message in recorder.on_topic("mien/kitchen/state")[1:]}) == 1


def test_low_quality_readings_are_counted_by_reason(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    """The diagnostics contain how many readings had a reduced weight or were dropped, and why."""
    monkeypatch.setattr(node, "HEARTBEAT", 0.2)
    with running_node(broker.port) as (_, controls), recording(broker.port) as recorder:
        controls.diagnostics = Diagnostics(low_quality={"dark": 3, "turned": 1})
        assert eventually(
            lambda: (last := recorder.last("mien/kitchen/diag")) is not None and last.json["low_quality"] != {}
        )
        assert recorder.last("mien/kitchen/diag").json["low_quality"] == {"dark": 3, "turned": 1}  # type: ignore[union-attr]


INVALID: list[tuple[str, bytes]] = [
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


def test_invalid_commands_are_logged_and_change_nothing(broker: Broker, caplog: pytest.LogCaptureFixture) -> None:
    """Unknown, wrong, huge, empty, not UTF-8, out of range, or for absent music: refused, logged, without effect."""
    with running_node(broker.port) as (_, controls), recording(broker.port, "mien/kitchen/+") as recorder:
        assert eventually(lambda: recorder.last("mien/kitchen/availability"))
        before = current_settings(controls)
        for name, payload in INVALID:
            recorder.publish(f"mien/kitchen/{name}/set", payload)
        recorder.publish("mien/kitchen/detection/set", "OFF", retain=True)
        recorder.publish("mien/kitchen/threshold/set", "70")
        assert eventually(lambda: controls.threshold == 0.7)
        assert (controls.detection, controls.profile, controls.stopping) == (before.detection, before.profile, None)
        assert recorder.last("mien/kitchen/settings").json["threshold"] == 0.7 or eventually(  # type: ignore[union-attr]
            lambda: recorder.last("mien/kitchen/settings").json["threshold"] == 0.7  # type: ignore[union-attr]
        )
    refusals = [record.getMessage() for record in caplog.records if "refused" in record.getMessage()]
    assert len(refusals) >= len(INVALID) - 1  # the broker itself may hold the huge one back
    assert any("'mien/kitchen/detection/set'" in text and "retained" in text for text in refusals)
    assert not [record for record in caplog.records if "\n" in record.getMessage()]


def test_a_flood_of_invalid_commands_is_not_a_flood_of_lines(broker: Broker, caplog: pytest.LogCaptureFixture) -> None:
    """Two hundred refused commands make a dozen log lines, and a valid one is still executed."""
    with running_node(broker.port) as (_, controls), recording(broker.port, "mien/kitchen/+") as recorder:
        assert eventually(lambda: recorder.last("mien/kitchen/availability"))
        for _ in range(200):
            recorder.publish("mien/kitchen/profile/set", "turbo", qos=0)
        recorder.publish("mien/kitchen/profile/set", "eco")
        assert eventually(lambda: controls.profile == "eco")
    assert len([record for record in caplog.records if record.levelno >= logging.WARNING]) <= 12


def test_settings_made_by_clients_outlive_a_restart(broker: Broker, tmp_path: Path) -> None:
    """A camera that was turned off stays off, by a file that only its owner can read."""
    with running_node(broker.port), recording(broker.port) as recorder:
        assert eventually(lambda: recorder.last("mien/kitchen/availability"))
        recorder.publish("mien/kitchen/detection/set", "OFF")
        recorder.publish("mien/kitchen/threshold/set", "61")
        assert eventually(
            lambda: (recorder.last("mien/kitchen/settings") or recorder.messages[0]).json.get("threshold") == 0.61
        )
    with running_node(broker.port) as (_, controls):
        assert (controls.detection, controls.threshold) == (False, 0.61)
    file = tmp_path / "state" / mqtt_output.SETTINGS_FILE
    assert file.stat().st_mode & 0o077 == 0
    file.write_bytes(b"{broken")
    with running_node(broker.port) as (_, controls):
        assert controls.detection


class FakeMusicControls:
    """Controls of a music output, which record what was set."""

    def __init__(self) -> None:
        self.current = payloads.MusicPayload(on=True, intent="match", playing="A song", why="Because", state="ready")
        self.skipped = 0

    def status(self) -> payloads.MusicPayload:
        return self.current

    def _set(self, **changes: Any) -> None:
        self.current = msgspec.structs.replace(self.current, **changes)

    def set_enabled(self, on: bool) -> None:
        self._set(on=on)

    def set_intent(self, intent: str) -> None:
        self._set(intent=intent)

    def set_mood(self, mood: str) -> None:
        self._set(mood=mood)

    def skip(self) -> None:
        self.skipped += 1


def test_music_commands_reach_the_music_output(broker: Broker) -> None:
    """Its switch, intent, manual mood and skip are set, and its status is published."""
    music = FakeMusicControls()
    with running_node(broker.port, music), recording(broker.port) as recorder:
        assert eventually(lambda: recorder.last("mien/kitchen/availability"))
        for name, text in (("music", "OFF"), ("intent", "lift"), ("mood", "sad"), ("skip", "PRESS")):
            recorder.publish(f"mien/kitchen/{name}/set", text)
        assert eventually(lambda: music.skipped == 1)
        assert (music.current.on, music.current.intent, music.current.mood) == (False, "lift", "sad")
        assert eventually(
            lambda: (recorder.last("mien/kitchen/music") or recorder.messages[0]).json.get("mood") == "sad"
        )
        assert eventually(
            lambda: (recorder.last("mien/kitchen/diag") or recorder.messages[0]).json.get("music") == "ready"
        )


def test_learning_is_started_and_reported(broker: Broker) -> None:
    """The button's press and a name are requests; what to show, and how it ended, is published and retained."""
    with running_node(broker.port) as (_, controls), recording(broker.port) as recorder:

        def published(field: str) -> object:
            last = recorder.last("mien/kitchen/learning")
            return last.json[field] if last is not None else None

        assert eventually(lambda: published("state") == "idle")
        recorder.publish("mien/kitchen/learn/set", "An\nn")
        recorder.publish("mien/kitchen/learn/set", "Zoë", retain=True)
        recorder.publish("mien/kitchen/learn/set", "PRESS")
        recorder.publish("mien/kitchen/learn/set", "Zoë B.")
        names: list[str] = []

        def requested() -> int:
            names.extend(name for name in [controls.next_learning_request()] if name is not None)
            return len(names)

        assert eventually(lambda: requested() == 2)
        assert names == [DEFAULT_PERSON, "Zoë B."]
        controls.learning = LearningStatus("happy", "Zoë B.")
        assert eventually(lambda: (published("state"), published("person")) == ("happy", "Zoë B."))
        controls.learning = LearningStatus("refused", "Zoë B.", "Nothing was kept: " + "x" * 1000)
        assert eventually(lambda: published("state") == "refused")
        assert str(published("detail")).startswith("Nothing was kept")
    assert b"refused" in retained_messages(broker)["mien/kitchen/learning"]


def test_home_assistants_birth_message_repeats_everything(broker: Broker) -> None:
    """After its birth message discovery is published again, and the state after it."""
    with running_node(broker.port), recording(broker.port) as recorder:
        assert eventually(lambda: recorder.last("mien/kitchen/availability"))
        before = len(recorder.messages)
        recorder.publish("homeassistant/status", "online", qos=0)
        assert eventually(lambda: "mien/kitchen/availability" in [m.topic for m in recorder.messages[before:]])
        names = [message.topic for message in recorder.messages[before:]]
        assert names.index("homeassistant/device/mien_kitchen/config") < names.index("mien/kitchen/state")


def test_the_time_of_home_assistants_birth_message_is_kept(broker: Broker, tmp_path: Path) -> None:
    """For `mien doctor`; its last will does not count, and a state directory without room is no fault."""
    file = state.state_directory() / mqtt_output.BIRTH_FILE
    with running_node(broker.port), recording(broker.port) as recorder:
        assert eventually(lambda: recorder.last("mien/kitchen/availability"))
        recorder.publish("homeassistant/status", "offline")
        recorder.publish("mien/kitchen/detection/set", "OFF")
        assert eventually(lambda: recorder.last("mien/kitchen/settings").json["detection"] is False)  # type: ignore[union-attr]
        assert not file.exists()
        recorder.publish("homeassistant/status", "online")
        assert eventually(file.exists)
    mqtt_output.save_birth(tmp_path / "none" / "file")


def test_a_camera_fault_is_not_a_mood(broker: Broker) -> None:
    """With a camera fault the state has no mood, the node stays online, and no event is published."""
    with running_node(broker.port) as (running, _), recording(broker.port) as recorder:
        running.handle(mood(1))
        assert eventually(lambda: has_published(recorder, mood(1)))
        running.handle(CameraEvent("fault", "The camera gives no pictures: check its cable.", 2.0))
        assert eventually(lambda: recorder.last("mien/kitchen/camera").json["state"] == "fault")  # type: ignore[union-attr]
        assert eventually(lambda: recorder.last("mien/kitchen/state").json["expression"] is None)  # type: ignore[union-attr]
        assert recorder.last("mien/kitchen/state").json["faces"] == 0  # type: ignore[union-attr]
        assert recorder.last("mien/kitchen/availability").payload == b"online"  # type: ignore[union-attr]
        assert len(recorder.on_topic("mien/kitchen/event")) == 1


def other_machine(broker: Broker, installation_id: str, clock: Clock | None = None) -> Node:
    """Return a node of the same name as on another machine."""
    device = DeviceInfo("kitchen", "Mien", "", "en", "1", "")
    return Node(
        device,
        BrokerSettings("127.0.0.1", broker.port),
        installation_id=installation_id,
        machine=node.MachineInfo(lambda: None),
        controls=Controls(VisionConfig(), MoodConfig()),
        timing=QUICK,
        clock=clock,
    )


def refusals(caplog: pytest.LogCaptureFixture) -> int:
    """Return how often a node has backed off from a name."""
    return caplog.text.count("already uses the node name 'kitchen'")


def test_a_second_machine_with_the_name_backs_off(broker: Broker, caplog: pytest.LogCaptureFixture) -> None:
    """It logs the other's host, never goes online, and takes over when the first is gone."""
    second = other_machine(broker, "twin")
    with contextlib.closing(second), recording(broker.port) as recorder:
        with running_node(broker.port) as (first, _):
            first.handle(mood(1))
            assert eventually(lambda: has_published(recorder, mood(1)))
            second.start()
            second.handle(mood(2))
            assert eventually(lambda: "already uses the node name 'kitchen'" in caplog.text)
            assert eventually(lambda: refusals(caplog) >= 4)  # several attempts, each without a message
            recorder.fence()
            assert first.connection.is_connected
            assert [message.payload for message in recorder.on_topic("mien/kitchen/availability")] == [b"online"]
            assert {message.json["run"] for message in recorder.on_topic("mien/kitchen/event")} == {first._snapshot.run}
        assert eventually(lambda: recorder.last("mien/kitchen/state").json["run"] == second._snapshot.run, 5)  # type: ignore[union-attr]


def test_of_two_that_start_at_once_one_backs_off(broker: Broker, caplog: pytest.LogCaptureFixture) -> None:
    """Started in one moment, one of them owns the name at the end, and the other backs off."""
    first, second = other_machine(broker, "one"), other_machine(broker, "two")
    first.start()
    second.start()
    try:
        assert eventually(
            lambda: (
                first._claim.owned != second._claim.owned
                and (first.connection.is_connected or second.connection.is_connected)
            ),
            5,
        )
        before = refusals(caplog)
        assert eventually(lambda: refusals(caplog) >= before + 3)
        owner = first if first._claim.owned else second
        assert not (first._claim.owned and second._claim.owned)
        retained = retained_messages(broker.port)
        assert payloads.decode(retained["mien/kitchen/instance"], payloads.InstancePayload).id == owner._claim.own.id
        assert retained["mien/kitchen/availability"] == b"online"
    finally:
        first.close()
        second.close()


def test_a_stray_last_will_is_corrected(broker: Broker) -> None:
    """A node whose availability another client sets to "offline" sets it to "online" again."""
    with running_node(broker.port), recording(broker.port) as recorder:
        assert eventually(lambda: recorder.last("mien/kitchen/availability"))
        recorder.publish("mien/kitchen/availability", "offline", retain=True)
        assert eventually(
            lambda: [m.payload for m in recorder.on_topic("mien/kitchen/availability")][-2:] == [b"offline", b"online"]
        )


def test_the_same_installation_twice_is_refused(broker: Broker) -> None:
    """A second node of the same name and state directory is refused before it connects."""
    with (
        running_node(broker.port),
        pytest.raises(ConfigError, match="already uses the node name"),
        running_node(broker.port),
    ):
        pass
