"""A real Home Assistant hears what mien says: the steps of a day, in order, against one that runs all along.

.ci/home-assistant builds the Debian root that it needs and sets $MIEN_HA_ROOT to it.
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
from tests.fakes.mosquitto import Broker, Ear, Message, needs_broker, retained

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
    ],
    "binary_sensor": ["face", "camera_problem"],
    "event": ["mood"],
    "switch": ["detection", "music"],
    "number": ["threshold"],
    "select": ["profile", "intent", "manual_mood"],
    "button": ["restart", "skip"],
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
  - alias: do as the test says
    mode: parallel
    triggers:
      - trigger: mqtt
        topic: test/call
    actions:
      - action: "{{ trigger.payload_json.action }}"
        target:
          entity_id: "{{ trigger.payload_json.entity }}"
        data: "{{ trigger.payload_json.data }}"
  - alias: tell what the test asks
    mode: parallel
    triggers:
      - trigger: mqtt
        topic: test/ask
    actions:
      - action: mqtt.publish
        data:
          topic: test/told
          payload: >-
            {% set told = namespace(all={}) %}
            {% for s in states if 'mien_hall' in s.entity_id %}
            {% set told.all = dict(told.all, **{s.entity_id: s.state}) %}
            {% endfor %}
            {{ told.all | tojson }}
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
class House:
    """Broker, Home Assistant, daemon, and an ear on all of it."""

    folder: Path
    broker: Broker
    ear: Ear = field(init=False)
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
        births = len(self.ear.of("homeassistant/status"))
        command = "exec /opt/ha/venv/bin/hass -c /opt/ha/config --skip-pip-packages none"
        with (self.config / "out.log").open("ab") as log:
            self.hass = subprocess.Popen(["chroot", HA_ROOT, "bash", "-c", command], stdout=log, stderr=log)
        born = eventually(lambda: b"online" in [m.payload for m in self.ear.of("homeassistant/status")[births:]], 240)
        assert born, (self.config / "out.log").read_text()[-3000:]

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
        where = {"MIEN_TEST_FAULT": self.fault, "MIEN_TEST_OPEN": self.open, "STATE_DIRECTORY": self.folder / "state"}
        where["MIEN_TEST_MUSIC"] = self.folder
        program = [sys.executable, str(ROOT / "tests" / "fakes" / "endless_camera.py")]
        with (self.folder / "daemon.log").open("ab") as log:
            self.daemon = subprocess.Popen(
                [*program, "run", "--json", "--config", str(self.folder / "mien.toml")],
                stdout=log,
                stderr=log,
                env=os.environ | {key: str(value) for key, value in where.items()},
            )

    @property
    def fault(self) -> Path:
        return self.folder / "fault"

    @property
    def open(self) -> Path:
        return self.folder / "open"

    def state(self, kind: str, key: str) -> str | None:
        """As Home Assistant shows it."""
        said = self.ear.last(f"hastate/{kind}/mien_{NODE}_{key}/state")
        return said.payload.decode() if said else None

    def attribute(self, kind: str, key: str, name: str) -> Any:
        said = self.ear.last(f"hastate/{kind}/mien_{NODE}_{key}/{name}")
        return said.json if said else None

    def call(self, action: str, entity: str, **data: Any) -> None:
        self.ear.say("test/call", json.dumps({"action": action, "entity": entity, "data": data}))

    def warnings(self) -> list[str]:
        """What Home Assistant's log has against us; mqtt_statestream is the test's own way to see its states."""
        logs = [path for path in (self.config / "out.log", self.config / "home-assistant.log") if path.exists()]
        found = {line for path in logs for line in path.read_text().splitlines() if re.search("WARNING|ERROR", line)}
        return sorted(line for line in found if re.search("mqtt|mien", line) and "statestream" not in line)

    def moods(self) -> dict[str, str | None]:
        """Asked, for what Home Assistant tells by itself is lost while the broker is away."""
        before = len(self.ear.of("test/told"))
        self.ear.say("test/ask", "?")
        eventually(lambda: len(self.ear.of("test/told")) > before, 3)
        told = self.ear.of("test/told")[before:]
        states = told[0].json if told else {}
        kinds = {key: "binary_sensor" if key == "face" else "sensor" for key in MOODS}
        return {key: states.get(f"{kind}.mien_{NODE}_{key}") for key, kind in kinds.items()}

    def shows_moods(self) -> bool:
        known = self.moods()
        return known["expression"] in LABELS and not {"unavailable", "unknown", None} & set(known.values())


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    if not os.path.ismount(HA_ROOT / "proc"):
        subprocess.run(["mount", "-t", "proc", "proc", HA_ROOT / "proc"], check=True)
    made = House(folder, Broker(folder).start())
    made.ear = Ear(made.broker.port)
    made.prepare()
    try:
        made.start_hass()
        made.start_daemon()
        yield made
    finally:
        made.stop_hass()
        if made.daemon is not None:
            made.daemon.kill()
            made.daemon.wait()
        made.ear.close()
        made.broker.kill()
        subprocess.run(["umount", HA_ROOT / "proc"], check=False)


def test_every_entity_is_there(house: House) -> None:
    """One device with everything on it, each entity with a value, and no warning in Home Assistant's log."""
    assert eventually(house.shows_moods, 60), (house.folder / "daemon.log").read_text()[-2000:]
    for kind, keys in ENTITIES.items():
        for key in keys:
            assert eventually(lambda kind=kind, key=key: house.state(kind, key) is not None, 20), (kind, key)  # type: ignore[misc]
            assert house.state(kind, key) != "unavailable", (kind, key)
    assert house.state("binary_sensor", "camera_problem") == "off"
    assert house.state("switch", "detection") == "on"
    assert house.state("select", "profile") == "balanced"
    assert house.state("number", "threshold") == f"{Config().mood.threshold:.0%}".rstrip("%")
    assert house.attribute("sensor", "expression", "options") == list(LABELS)
    assert house.warnings() == []


def test_an_automation_reacts_within_a_second(house: House) -> None:
    """From the daemon's event to what an automation does with it."""

    def reactions() -> list[Message]:
        # The automation also fires, with nothing to say, when the entity itself comes or goes: that is no event.
        return [message for message in house.ear.of("test/reacted") if message.payload]

    def causes(reaction: Message) -> list[Message]:
        # The broker may give an event to Home Assistant before it gives it to the ear, and the reaction overtakes it.
        told = [message for message in house.ear.of(f"mien/{NODE}/event") if message.at <= reaction.at + 0.5]
        return [message for message in told if message.json["event_type"] == reaction.payload.decode()]

    before = len(reactions())
    assert eventually(lambda: len(reactions()) >= before + 3, 60)
    delays = []
    for reaction in reactions()[before:]:
        assert eventually(functools.partial(causes, reaction))
        cause = causes(reaction)[-1]
        delays.append(reaction.at - cause.at)
    print(f"automation after {max(delays) * 1000:.0f} ms at most")
    assert max(delays) < 1.0


def test_commands_reach_the_daemon(house: House) -> None:
    """Threshold, profile and detection are set from Home Assistant and shown there; off closes the camera."""
    house.call("number.set_value", f"number.mien_{NODE}_threshold", value=40)
    assert eventually(lambda: house.state("number", "threshold") == "40", 10)
    house.call("select.select_option", f"select.mien_{NODE}_profile", option="eco")
    assert eventually(lambda: house.state("select", "profile") == "eco", 10)
    assert house.open.exists()
    house.call("switch.turn_off", f"switch.mien_{NODE}_detection")
    assert eventually(lambda: house.state("switch", "detection") == "off" and not house.open.exists(), 10)
    assert eventually(lambda: house.state("sensor", "expression") == "unavailable", 10)
    assert house.state("binary_sensor", "camera_problem") == "off"
    house.call("switch.turn_on", f"switch.mien_{NODE}_detection")
    assert eventually(house.shows_moods, 30)
    house.call("select.select_option", f"select.mien_{NODE}_manual_mood", option="sad")
    assert eventually(lambda: house.state("select", "manual_mood") == "sad", 10)
    assert house.state("sensor", "playing") == "A song by Somebody"
    house.call("button.press", f"button.mien_{NODE}_skip")
    assert eventually(lambda: house.state("sensor", "playing") == "The next song by Somebody", 10)


def test_a_camera_fault_is_shown(house: House) -> None:
    """Expressions become unavailable, the problem is on, the diagnostics live; all comes back with the camera."""
    house.fault.touch()
    assert eventually(lambda: all(house.state("sensor", key) == "unavailable" for key in ("expression", "valence")), 30)
    assert eventually(lambda: house.state("binary_sensor", "camera_problem") == "on", 10)
    assert eventually(lambda: "cable" in house.attribute("binary_sensor", "camera_problem", "detail"), 10)
    heard = len(house.ear.of(f"mien/{NODE}/diag"))
    assert eventually(lambda: len(house.ear.of(f"mien/{NODE}/diag")) > heard, 40)
    assert house.state("sensor", "version") not in ("unavailable", None)
    house.fault.unlink()
    assert eventually(house.shows_moods, 60)
    assert house.state("binary_sensor", "camera_problem") == "off"


def test_a_killed_daemon_is_unavailable_within_thirty_seconds(house: House) -> None:
    """-9, and everything is unavailable; started again, everything is back."""
    assert house.daemon is not None
    house.daemon.send_signal(signal.SIGKILL)
    killed = time.monotonic()
    assert eventually(lambda: house.state("sensor", "expression") == "unavailable", 30)
    assert eventually(lambda: house.state("sensor", "version") == "unavailable", 5)
    print(f"unavailable after {time.monotonic() - killed:.1f} s")
    house.daemon.wait()
    house.start_daemon()
    assert eventually(house.shows_moods, 60)
    assert house.state("select", "profile") == "eco"  # what was set before the kill


def test_home_assistants_restart_is_survived(house: House) -> None:
    """After its restart every entity is back by itself."""
    assert house.warnings() == []
    house.stop_hass()
    house.ear.messages.clear()
    house.start_hass()
    assert eventually(house.shows_moods, 60)
    assert house.warnings() == []


def test_the_brokers_restart_is_survived(house: House) -> None:
    """Killed and started again empty: discovery and states come back."""
    house.broker.kill()
    time.sleep(2)
    house.ear.messages.clear()
    house.broker.start()
    assert eventually(lambda: f"homeassistant/device/mien_{NODE}/config" in retained(house.broker.port), 60)
    assert eventually(house.shows_moods, 90), house.moods()


def test_a_broker_that_stops_for_a_minute_is_survived(house: House) -> None:
    """It hangs with all its connections open; afterwards the state is the last mood again."""
    house.broker.send(signal.SIGSTOP)
    time.sleep(60)
    house.broker.send(signal.SIGCONT)
    assert eventually(house.shows_moods, 60), house.moods()
    moods = [json.loads(line) for line in (house.folder / "daemon.log").read_text().splitlines() if '"mood"' in line]
    assert json.loads(retained(house.broker.port)[f"mien/{NODE}/state"])["expression"] in {
        mood["expression"]
        for mood in moods[-2:]  # one may come between the two looks
    }


def test_the_restart_button_restarts(house: House) -> None:
    """The button ends the daemon and starts it anew, under the same process id, with a run of its own."""
    run = house.ear.last(f"mien/{NODE}/state").json["run"]  # type: ignore[union-attr]
    house.call("button.press", f"button.mien_{NODE}_restart")
    assert eventually(lambda: house.ear.last(f"mien/{NODE}/state").json["run"] != run, 60)  # type: ignore[union-attr]
    assert eventually(house.shows_moods, 60)
    assert house.daemon is not None
    assert house.daemon.poll() is None


def test_forgotten_without_a_trace(house: House) -> None:
    """`mien mqtt forget` leaves no retained message, and no device in Home Assistant."""
    assert house.daemon is not None
    house.daemon.terminate()
    assert house.daemon.wait(20) == 0
    forget = [sys.executable, "-m", "mien.cli", "mqtt", "forget", NODE, "--config", str(house.folder / "mien.toml")]
    subprocess.run(forget, check=True)
    assert not [topic for topic in retained(house.broker.port) if topic.startswith(("mien/", "homeassistant/"))]
    house.stop_hass()
    registry = json.loads((house.config / ".storage/core.device_registry").read_text())["data"]["devices"]
    assert [device["name"] for device in registry if device["name"] == "Mien"] == []
