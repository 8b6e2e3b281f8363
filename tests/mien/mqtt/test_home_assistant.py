"""mien with a real Home Assistant, which runs during all tests; they run in order, and each continues from the last.

.ci/home-assistant builds the Debian root that they need and sets $MIEN_HA_ROOT to it.
"""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mien.config import Config
from mien.expression import LABELS
from tests.conftest import ROOT
from tests.eventually import eventually
from tests.fakes.mosquitto import Broker, MessageRecorder, RecordedMessage, needs_broker, retained_messages

HA_ROOT = Path(os.environ.get("MIEN_HA_ROOT", "/nowhere"))
pytestmark = [
    needs_broker,
    pytest.mark.skipif(
        not (HA_ROOT / "opt/ha/venv/bin/hass").exists() or os.geteuid() != 0,
        reason="needs root and a Home Assistant in $MIEN_HA_ROOT: .ci/home-assistant makes one",
    ),
]

NODE = "hall"
MOODS = ("expression", "confidence", "face", "valence", "arousal")
ENTITIES = {
    "sensor": [
        "expression",
        "confidence",
        "valence",
        "arousal",
        "inference_time",
        "fps",
        "version",
        "soc_temperature",
        "playing",
        "why",
        "learning",
    ],
    "binary_sensor": ["face", "camera_problem"],
    "event": ["mood"],
    "switch": ["detection", "music"],
    "number": ["threshold"],
    "select": ["profile", "intent", "manual_mood"],
    "button": ["restart", "skip", "learn"],
}

CONFIGURATION = """
homeassistant:
  name: test
  latitude: 0
  longitude: 0
  elevation: 0
  unit_system: metric
  time_zone: UTC
logger:
  default: warning
mqtt_statestream:
  base_topic: hastate
  publish_attributes: true
automation:
  - alias: call an action for the test
    mode: parallel
    triggers:
      - trigger: mqtt
        topic: test/call
    actions:
      - action: "{{ trigger.payload_json.action }}"
        target:
          entity_id: "{{ trigger.payload_json.entity }}"
        data: "{{ trigger.payload_json.data }}"
  - alias: publish the states for the test
    mode: parallel
    triggers:
      - trigger: mqtt
        topic: test/request
    actions:
      - action: mqtt.publish
        data:
          topic: test/states
          payload: >-
            {% set states_by_entity = namespace(all={}) %}
            {% for s in states if 'mien_hall' in s.entity_id %}
            {% set states_by_entity.all = dict(states_by_entity.all, **{s.entity_id: s.state}) %}
            {% endfor %}
            {{ states_by_entity.all | tojson }}
  - alias: react to a mood
    mode: parallel
    triggers:
      - trigger: state
        entity_id: event.mien_hall_mood
    actions:
      - action: mqtt.publish
        data:
          topic: test/reacted
          payload: "{{ trigger.to_state.attributes.event_type | default('') }}"
"""

ENTRY: dict[str, Any] = {
    "created_at": "2026-01-01T00:00:00+00:00",
    "modified_at": "2026-01-01T00:00:00+00:00",
    "disabled_by": None,
    "discovery_keys": {},
    "domain": "mqtt",
    "entry_id": "0123456789abcdef0123456789abcdef",
    "minor_version": 1,
    "options": {},
    "pref_disable_new_entities": False,
    "pref_disable_polling": False,
    "source": "user",
    "subentries": [],
    "title": "127.0.0.1",
    "unique_id": None,
    "version": 2,
}


@dataclass
class HomeAssistantSystem:
    """A broker, a Home Assistant and a daemon, and a recorder of all their messages."""

    folder: Path
    broker: Broker
    recorder: MessageRecorder = field(init=False)
    hass: subprocess.Popen[bytes] | None = None
    daemon: subprocess.Popen[bytes] | None = None

    @property
    def config(self) -> Path:
        return HA_ROOT / "opt/ha/config"

    def prepare(self) -> None:
        shutil.rmtree(self.config, ignore_errors=True)
        (self.config / ".storage").mkdir(parents=True)
        (self.config / "configuration.yaml").write_text(CONFIGURATION)
        entry = ENTRY | {"data": {"broker": "127.0.0.1", "port": self.broker.port, "protocol": "5"}}
        entries = {"version": 1, "minor_version": 5, "key": "core.config_entries", "data": {"entries": [entry]}}
        (self.config / ".storage/core.config_entries").write_text(json.dumps(entries))

    def start_hass(self) -> None:
        births = len(self.recorder.on_topic("homeassistant/status"))
        command = "exec /opt/ha/venv/bin/hass -c /opt/ha/config --skip-pip-packages none"
        with (self.config / "out.log").open("ab") as log:
            self.hass = subprocess.Popen(["chroot", HA_ROOT, "bash", "-c", command], stdout=log, stderr=log)
        started = eventually(
            lambda: b"online" in [m.payload for m in self.recorder.on_topic("homeassistant/status")[births:]], 240
        )
        assert started, (self.config / "out.log").read_text()[-3000:]

    def stop_hass(self) -> None:
        if self.hass is not None:
            self.hass.terminate()
            try:
                self.hass.wait(60)
            except subprocess.TimeoutExpired:
                self.hass.kill()
                self.hass.wait()

    def start_daemon(self) -> None:
        (self.folder / "mien.toml").write_text(
            f'[mqtt]\nhost = "127.0.0.1"\nport = {self.broker.port}\nnode = "{NODE}"\nname = "Mien"\n'
            '[music]\nenabled = true\n[spotify]\nclient_id = "0123456789abcdef"\n'
        )
        env = {"MIEN_TEST_FAULT": self.fault, "MIEN_TEST_OPEN": self.open, "STATE_DIRECTORY": self.folder / "state"}
        env["MIEN_TEST_MUSIC"] = self.folder
        program = [sys.executable, str(ROOT / "tests" / "fakes" / "endless_camera.py")]
        with (self.folder / "daemon.log").open("ab") as log:
            self.daemon = subprocess.Popen(
                [*program, "run", "--json", "--config", str(self.folder / "mien.toml")],
                stdout=log,
                stderr=log,
                env=os.environ | {key: str(value) for key, value in env.items()},
            )

    @property
    def fault(self) -> Path:
        return self.folder / "fault"

    @property
    def open(self) -> Path:
        return self.folder / "open"

    def state(self, kind: str, key: str) -> str | None:
        """Return an entity's state in Home Assistant."""
        message = self.recorder.last(f"hastate/{kind}/mien_{NODE}_{key}/state")
        return message.payload.decode() if message else None

    def attribute(self, kind: str, key: str, name: str) -> Any:
        message = self.recorder.last(f"hastate/{kind}/mien_{NODE}_{key}/{name}")
        return message.json if message else None

    def call(self, action: str, entity: str, **data: Any) -> None:
        self.recorder.publish("test/call", json.dumps({"action": action, "entity": entity, "data": data}))

    def warnings(self) -> list[str]:
        """Return Home Assistant's warnings about MQTT and mien, but for mqtt_statestream, which only the test uses."""
        logs = [path for path in (self.config / "out.log", self.config / "home-assistant.log") if path.exists()]
        lines = {line for path in logs for line in path.read_text().splitlines() if re.search("WARNING|ERROR", line)}
        return sorted(line for line in lines if re.search("mqtt|mien", line) and "statestream" not in line)

    def moods(self) -> dict[str, str | None]:
        """Request the states from Home Assistant: those it publishes itself are lost in outages of the broker."""
        before = len(self.recorder.on_topic("test/states"))
        self.recorder.publish("test/request", "states")
        eventually(lambda: len(self.recorder.on_topic("test/states")) > before, 3)
        replies = self.recorder.on_topic("test/states")[before:]
        states = replies[0].json if replies else {}
        kinds = {key: "binary_sensor" if key == "face" else "sensor" for key in MOODS}
        return {key: states.get(f"{kind}.mien_{NODE}_{key}") for key, kind in kinds.items()}

    def shows_moods(self) -> bool:
        moods = self.moods()
        return moods["expression"] in LABELS and not {"unavailable", "unknown", None} & set(moods.values())

    def failed_attempts(self) -> int:
        """Return how often the daemon has logged a connection that failed or was lost."""
        return (self.folder / "daemon.log").read_text().count("Next attempt in")


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HomeAssistantSystem]:
    folder = tmp_path_factory.mktemp("home-assistant")
    if not os.path.ismount(HA_ROOT / "proc"):
        subprocess.run(["mount", "-t", "proc", "proc", HA_ROOT / "proc"], check=True)
    started = HomeAssistantSystem(folder, Broker(folder).start())
    started.recorder = MessageRecorder(started.broker.port)
    started.prepare()
    try:
        started.start_hass()
        started.start_daemon()
        yield started
    finally:
        started.stop_hass()
        if started.daemon is not None:
            started.daemon.kill()
            started.daemon.wait()
        started.recorder.close()
        started.broker.kill()
        subprocess.run(["umount", HA_ROOT / "proc"], check=False)


def test_every_entity_exists(system: HomeAssistantSystem) -> None:
    """One device has all entities, each with a value, and Home Assistant's log has no warning."""
    assert eventually(system.shows_moods, 60), (system.folder / "daemon.log").read_text()[-2000:]
    for kind, keys in ENTITIES.items():
        for key in keys:
            assert eventually(lambda kind=kind, key=key: system.state(kind, key) is not None, 20), (kind, key)  # type: ignore[misc]
            assert system.state(kind, key) != "unavailable", (kind, key)
    assert system.state("binary_sensor", "camera_problem") == "off"
    assert system.state("switch", "detection") == "on"
    assert system.state("select", "profile") == "balanced"
    assert system.state("number", "threshold") == f"{Config().mood.threshold:.0%}".rstrip("%")
    assert system.attribute("sensor", "expression", "options") == list(LABELS)
    assert system.warnings() == []


def test_an_automation_reacts_within_a_second(system: HomeAssistantSystem) -> None:
    """Measure the time from the daemon's event to an automation's reaction."""

    def reactions() -> list[RecordedMessage]:
        # The automation is also triggered, with an empty payload, when the entity appears or vanishes.
        return [message for message in system.recorder.on_topic("test/reacted") if message.payload]

    def causes(reaction: RecordedMessage) -> list[RecordedMessage]:
        # The broker may deliver an event to Home Assistant before the recorder, so the reaction may overtake it.
        events = [
            message for message in system.recorder.on_topic(f"mien/{NODE}/event") if message.at <= reaction.at + 0.5
        ]
        return [message for message in events if message.json["event_type"] == reaction.payload.decode()]

    before = len(reactions())
    assert eventually(lambda: len(reactions()) >= before + 3, 60)
    delays = []
    for reaction in reactions()[before:]:
        assert eventually(functools.partial(causes, reaction))
        cause = causes(reaction)[-1]
        delays.append(reaction.at - cause.at)
    print(f"automation after {max(delays) * 1000:.0f} ms at most")
    assert max(delays) < 1.0


def test_commands_reach_the_daemon(system: HomeAssistantSystem) -> None:
    """Threshold, profile and detection are set in Home Assistant and shown there; off closes the camera."""
    system.call("number.set_value", f"number.mien_{NODE}_threshold", value=40)
    assert eventually(lambda: system.state("number", "threshold") == "40", 10)
    system.call("select.select_option", f"select.mien_{NODE}_profile", option="eco")
    assert eventually(lambda: system.state("select", "profile") == "eco", 10)
    assert system.open.exists()
    system.call("switch.turn_off", f"switch.mien_{NODE}_detection")
    assert eventually(lambda: system.state("switch", "detection") == "off" and not system.open.exists(), 10)
    assert eventually(lambda: system.state("sensor", "expression") == "unavailable", 10)
    assert system.state("binary_sensor", "camera_problem") == "off"
    system.call("switch.turn_on", f"switch.mien_{NODE}_detection")
    assert eventually(system.shows_moods, 30)
    system.call("select.select_option", f"select.mien_{NODE}_manual_mood", option="sad")
    assert eventually(lambda: system.state("select", "manual_mood") == "sad", 10)
    assert system.state("sensor", "playing") == "A song by Somebody"
    system.call("button.press", f"button.mien_{NODE}_skip")
    assert eventually(lambda: system.state("sensor", "playing") == "The next song by Somebody", 10)


def test_a_camera_fault_is_shown(system: HomeAssistantSystem) -> None:
    """Expressions become unavailable, the problem is on, diagnostics go on; all is restored with the camera."""
    system.fault.touch()
    assert eventually(
        lambda: all(system.state("sensor", key) == "unavailable" for key in ("expression", "valence")), 30
    )
    assert eventually(lambda: system.state("binary_sensor", "camera_problem") == "on", 10)
    assert eventually(lambda: "cable" in system.attribute("binary_sensor", "camera_problem", "detail"), 10)
    before = len(system.recorder.on_topic(f"mien/{NODE}/diag"))
    assert eventually(lambda: len(system.recorder.on_topic(f"mien/{NODE}/diag")) > before, 40)
    assert system.state("sensor", "version") not in ("unavailable", None)
    system.fault.unlink()
    assert eventually(system.shows_moods, 60)
    assert system.state("binary_sensor", "camera_problem") == "off"


def test_a_killed_daemon_is_unavailable_within_thirty_seconds(system: HomeAssistantSystem) -> None:
    """After SIGKILL everything is unavailable; after a new start everything is available."""
    assert system.daemon is not None
    system.daemon.send_signal(signal.SIGKILL)
    killed = time.monotonic()
    assert eventually(lambda: system.state("sensor", "expression") == "unavailable", 30)
    assert eventually(lambda: system.state("sensor", "version") == "unavailable", 5)
    print(f"unavailable after {time.monotonic() - killed:.1f} s")
    system.daemon.wait()
    system.start_daemon()
    assert eventually(system.shows_moods, 60)
    assert system.state("select", "profile") == "eco"  # what was set before the kill


def test_home_assistant_restarts(system: HomeAssistantSystem) -> None:
    """After its restart every entity is available by itself."""
    assert system.warnings() == []
    system.stop_hass()
    system.recorder.messages.clear()
    system.start_hass()
    assert eventually(system.shows_moods, 60)
    assert system.warnings() == []


def test_the_broker_restarts(system: HomeAssistantSystem) -> None:
    """After it was killed and started empty, discovery and states are published again."""
    before = system.failed_attempts()
    system.broker.kill()
    assert eventually(lambda: system.failed_attempts() > before, 30)
    system.recorder.messages.clear()
    system.broker.start()
    assert eventually(lambda: f"homeassistant/device/mien_{NODE}/config" in retained_messages(system.broker.port), 60)
    assert eventually(system.shows_moods, 90), system.moods()


def test_the_broker_hangs_for_a_minute(system: HomeAssistantSystem) -> None:
    """It hangs, connections open, for five failed attempts: about a minute. Then the last mood is retained."""
    before = system.failed_attempts()
    system.broker.send_signal(signal.SIGSTOP)
    assert eventually(lambda: system.failed_attempts() >= before + 5, 150)
    system.broker.send_signal(signal.SIGCONT)
    assert eventually(system.shows_moods, 60), system.moods()
    moods = [json.loads(line) for line in (system.folder / "daemon.log").read_text().splitlines() if '"mood"' in line]
    assert json.loads(retained_messages(system.broker.port)[f"mien/{NODE}/state"])["expression"] in {
        mood["expression"]
        for mood in moods[-2:]  # one may come between the two readings
    }


def test_the_restart_button_restarts(system: HomeAssistantSystem) -> None:
    """The button ends the daemon and starts it again, with the same process id and another run."""
    run = system.recorder.last(f"mien/{NODE}/state").json["run"]  # type: ignore[union-attr]
    system.call("button.press", f"button.mien_{NODE}_restart")
    assert eventually(lambda: system.recorder.last(f"mien/{NODE}/state").json["run"] != run, 60)  # type: ignore[union-attr]
    assert eventually(system.shows_moods, 60)
    assert system.daemon is not None
    assert system.daemon.poll() is None


def test_forget_removes_the_device(system: HomeAssistantSystem) -> None:
    """After `mien mqtt forget` there is no retained message, and no device in Home Assistant."""
    assert system.daemon is not None
    system.daemon.terminate()
    assert system.daemon.wait(20) == 0
    forget = [sys.executable, "-m", "mien.cli", "mqtt", "forget", NODE, "--config", str(system.folder / "mien.toml")]
    subprocess.run(forget, check=True)
    assert not [
        topic for topic in retained_messages(system.broker.port) if topic.startswith(("mien/", "homeassistant/"))
    ]
    system.stop_hass()
    registry = json.loads((system.config / ".storage/core.device_registry").read_text())["data"]["devices"]
    assert [device["name"] for device in registry if device["name"] == "Mien"] == []
