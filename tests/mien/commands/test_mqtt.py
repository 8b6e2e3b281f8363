"""The commands that use MQTT, run as processes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from io import StringIO
from pathlib import Path

import pytest

from mien.commands import watch
from mien.config import Config, MqttConfig
from mien.controls import Controls
from mien.events import CameraEvent, Event, Mood
from mien.expression import Expression
from mien.mqtt import payloads
from mien.service import mqtt_output
from tests.conftest import ROOT
from tests.eventually import eventually
from tests.fakes.mosquitto import (
    PASSWORD,
    QUICK,
    USER,
    Broker,
    free_port,
    needs_broker,
    recording,
    retained_messages,
    running_broker,
)

pytestmark = needs_broker

HAPPY = Mood(Expression.HAPPY, 0.7, (0.05, 0.7, 0.05, 0.05, 0.05, 0.05, 0.05), 1.0)
SAD = Mood(Expression.SAD, 0.7, (0.05, 0.05, 0.7, 0.05, 0.05, 0.05, 0.05), 2.0)

Program = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with running_broker(tmp_path) as started:
        yield started


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    """Return a function that starts `mien` with a broker's port, or with the endless camera; kill what still runs."""
    started: list[subprocess.Popen[str]] = []

    def start(port: int, *arguments: str, more: str = "", camera: bool = False, **env: str) -> subprocess.Popen[str]:
        config = tmp_path / f"mien-{len(started)}.toml"
        config.write_text(f'[mqtt]\nhost = "127.0.0.1"\nport = {port}\nnode = "kitchen"\n{more}\n')
        script = [str(ROOT / "tests" / "fakes" / "endless_camera.py")] if camera else ["-m", "mien.cli"]
        paths = {"MIEN_TEST_FAULT": tmp_path / "fault", "MIEN_TEST_OPEN": tmp_path / "open"}
        process = subprocess.Popen(
            [sys.executable, *script, *arguments, "--config", str(config)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"STATE_DIRECTORY": str(tmp_path / "state")} | {k: str(v) for k, v in paths.items()} | env,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def terminate(process: subprocess.Popen[str], seconds: float = 20) -> tuple[int, str, str]:
    """Send SIGTERM; return the exit code, and what was printed to stdout and stderr."""
    process.terminate()
    out, err = process.communicate(timeout=seconds)
    return process.returncode, out, err


def test_run_starts_before_the_broker_and_connects_later(tmp_path: Path, program: Program) -> None:
    """Started without a broker, the daemon is ready, and connects by itself when the broker has started.

    Ended by SIGTERM it publishes that it is offline and exits with 0; ended by SIGKILL its last will does.
    """
    port = free_port()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(30)
        process = program(port, "run", "--json", camera=True, NOTIFY_SOCKET=str(tmp_path / "notify"))
        assert systemd.recv(100) == b"READY=1"
    broker = Broker(tmp_path, port=port).start()
    try:
        with recording(port) as recorder:
            assert eventually(lambda: recorder.last("mien/kitchen/availability"), 40)
            assert eventually(lambda: recorder.last("mien/kitchen/event"), 20)
            code, out, err = terminate(process)
            assert code == 0, err
            assert "Next attempt in" in err
            assert recorder.last("mien/kitchen/availability").payload == b"offline"  # type: ignore[union-attr]
            moods = [line for line in map(json.loads, out.splitlines()) if line["event"] == "mood"]
            assert {line["expression"] for line in moods} >= {
                m.json["event_type"] for m in recorder.on_topic("mien/kitchen/event")
            }
            again = program(port, "run", "--json", camera=True)
            assert eventually(lambda: recorder.last("mien/kitchen/availability").payload == b"online", 20)  # type: ignore[union-attr]
            again.kill()
            assert eventually(lambda: recorder.last("mien/kitchen/availability").payload == b"offline", 5)  # type: ignore[union-attr]
    finally:
        broker.kill()


def test_two_daemons_of_one_installation(broker: Broker, program: Program) -> None:
    """The second `mien run` with the same node name exits with 3 and prints what to do; the first goes on."""
    with recording(broker.port) as recorder:
        first = program(broker.port, "run", camera=True)
        assert eventually(lambda: recorder.last("mien/kitchen/availability"), 20)
        second = program(broker.port, "run", camera=True)
        _, err = second.communicate(timeout=20)
        assert second.returncode == 3
        assert "already uses the node name 'kitchen'" in err
        assert len(err.strip().splitlines()) == 1
        assert first.poll() is None
        assert [message.payload for message in recorder.on_topic("mien/kitchen/availability")] == [b"online"]


def test_a_camera_fault_does_not_end_the_daemon(tmp_path: Path, broker: Broker, program: Program) -> None:
    """With MQTT a camera that is missing at the start does not end the daemon: the fault is published."""
    (tmp_path / "fault").touch()
    with recording(broker.port) as recorder:
        process = program(broker.port, "run", camera=True)
        assert eventually(lambda: any(m.json["state"] == "fault" for m in recorder.on_topic("mien/kitchen/camera")), 20)
        assert "cable" in recorder.last("mien/kitchen/camera").json["detail"]  # type: ignore[union-attr]
        assert process.poll() is None


def read_lines(process: subprocess.Popen[str], count: int) -> list[str]:
    """Return the next lines of output."""
    assert process.stdout is not None
    return [process.stdout.readline().strip() for _ in range(count)]


def test_play_receives_moods_of_other_machines(
    broker: Broker, program: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Moods of a node are printed with their room, also after the broker's restart, and that it is offline."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "node"))
    config = Config(mqtt=MqttConfig(host="127.0.0.1", port=broker.port, node="pi1"))
    player = program(broker.port, "play", "--room", "living room=pi1,pi2", "--json")
    with mqtt_output.open_mqtt_output(config.mqtt, Controls(config.vision, config.mood), None, QUICK) as node:
        node.handle(CameraEvent("open", "", 0.0))
        node.handle(HAPPY)
        [first] = map(json.loads, read_lines(player, 1))
        assert (first["room"], first["node"], first["event"], first["expression"]) == (
            "living room",
            "pi1",
            "mood",
            "happy",
        )
        assert first["at"] == 1.0
        broker.kill()
        assert eventually(lambda: not node.connection.is_connected)
        node.handle(SAD)
        broker.start()
        # the last will may be printed in between, if the broker published it before it was killed
        assert eventually(lambda: json.loads(read_lines(player, 1)[0]).get("expression") == "sad", 40)
    assert json.loads(read_lines(player, 1)[0])["detail"] == "it is offline"
    code, _, err = terminate(player)
    assert (code, "Traceback" in err) == (0, False)


def test_play_feeds_outputs(broker: Broker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An output receives the combined mood as from a camera of this machine."""
    import threading
    import time

    from mien.commands import play

    class RecordingOutput:
        def __init__(self) -> None:
            self.events: list[Event] = []

        def handle(self, event: Event) -> None:
            self.events.append(event)

        def alive(self) -> bool:
            return True

    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "node"))
    config = Config(mqtt=MqttConfig(host="127.0.0.1", port=broker.port, node="pi1"))
    output, file = RecordingOutput(), StringIO()

    def arrived(mood: Mood) -> bool:
        return mood.expression in [e.expression for e in output.events if isinstance(e, Mood)]

    def publish_moods() -> None:
        with mqtt_output.open_mqtt_output(config.mqtt, Controls(config.vision, config.mood), None, QUICK) as node:
            node.handle(CameraEvent("open", "", 0.0))
            for mood in (HAPPY, SAD):
                node.handle(mood)
                eventually(partial(arrived, mood))
        eventually(lambda: len(output.events) == 3)
        signal.raise_signal(signal.SIGINT)

    thread = threading.Thread(target=publish_moods)
    thread.start()
    rooms = play.parse_rooms(["den=pi1"])
    play.play_rooms(config.mqtt, rooms, play.RoomLines(rooms, as_json=False, file=file), [output])
    thread.join()
    moods = [event for event in output.events if isinstance(event, Mood)]
    assert [mood.expression for mood in moods] == [Expression.HAPPY, Expression.SAD, None]
    assert moods[1].probabilities == SAD.probabilities
    assert abs(moods[1].at - time.monotonic()) < 30  # on this machine's clock
    assert file.getvalue().splitlines()[0] == "den (pi1): mood happy (70%)"


def test_watch_shows_nodes(broker: Broker, program: Program) -> None:
    """Every node of the broker is printed as JSON lines; invalid payloads and topics are ignored."""
    state = payloads.to_state(HAPPY, faces=1, since="2026-01-01T00:00:00Z", run="r", seq=1)
    with recording(broker.port, "nothing") as recorder:
        for topic, payload in (
            ("mien/a/state", payloads.encode(state)),
            ("mien/a/camera", payloads.encode(payloads.CameraPayload(state="open"))),
            ("mien/b/state", b"\x1b[2Jnonsense"),
            ("mien/EVIL/state", payloads.encode(state)),
            ("mien/a/availability", b"online"),
        ):
            recorder.publish(topic, payload, retain=True)
        watcher = program(broker.port, "watch", "--json")
        printed = [json.loads(line) for line in read_lines(watcher, 3)]
        assert {line["node"] for line in printed} == {"a"}
        assert (printed[-1]["condition"], printed[-1]["state"]["expression"]) == ("open", "happy")
        recorder.publish("mien/a/availability", b"offline")
        assert json.loads(read_lines(watcher, 1)[0]) == {"node": "a", "condition": "offline", "state": None}
        assert terminate(watcher)[0] == 0


def test_the_table_fits_the_terminal() -> None:
    """The table has no more lines and columns than the terminal, and shows only current moods."""
    state = payloads.to_state(HAPPY, faces=1, since="2026-01-01T00:00:00Z", run="r", seq=1)
    nodes = {f"node{number}": watch.NodeView(online=number > 0, camera="open", state=state) for number in range(50)}
    text = watch.draw_table(nodes, (60, 10))
    assert text.count("\n") == 9
    assert "nodes: 50, online: 49" in text
    assert "... and 44 more" in text
    assert all(len(line.split("\x1b[K")[0].replace("\x1b[H", "")) <= 60 for line in text.split("\n"))
    assert "happy" not in watch.format_row("node0", nodes["node0"])
    assert "happy" in watch.format_row("node1", nodes["node1"])


def test_forget_removes_all_retained_messages(
    broker: Broker, program: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Forgetting is refused while the node is online; then nothing of it is retained, and other topics stay."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "node"))
    config = Config(mqtt=MqttConfig(host="127.0.0.1", port=broker.port, node="kitchen"))
    with recording(broker.port) as recorder:
        recorder.publish("mien/other/availability", "online", retain=True)
        with mqtt_output.open_mqtt_output(config.mqtt, Controls(config.vision, config.mood), None, QUICK):
            assert eventually(lambda: recorder.last("mien/kitchen/availability"))
            forgetting = program(broker.port, "mqtt", "forget")
            _, err = forgetting.communicate(timeout=30)
            assert (forgetting.returncode, "stop it first" in err) == (6, True)
        forgetting = program(broker.port, "mqtt", "forget", "kitchen")
        out, _ = forgetting.communicate(timeout=30)
        assert (forgetting.returncode, "are gone" in out) == (0, True)
        assert set(retained_messages(broker.port)) == {"mien/other/availability"}
        assert recorder.last("homeassistant/device/mien_kitchen/config").payload == b""  # type: ignore[union-attr]


def test_errors_have_their_exit_codes(tmp_path: Path, program: Program) -> None:
    """No broker configured gives 3, a wrong room or node 2, a broker that refuses 6: one sentence each."""
    (tmp_path / "empty.toml").write_text("")
    with running_broker(tmp_path, password=True) as broker:
        (tmp_path / "wrong").write_text("wrong")
        (tmp_path / "wrong").chmod(0o600)
        login = f'username = "{USER}"\npassword_file = "{tmp_path}/wrong"'
        cases = [
            (program(broker.port, "play", "--room", "a"), 2, "ROOM=NODE"),
            (program(broker.port, "mqtt", "forget", "Not/Good"), 2, "not a valid node name"),
            (program(broker.port, "watch", more=login), 6, "mqtt.password_file"),
            (program(broker.port, "watch", more="tsl = true"), 3, "did you mean tls"),
            (program(free_port(), "watch", more='password_file = "/nowhere"'), 3, "cannot be read"),
        ]
        for process, code, text in cases:
            _, err = process.communicate(timeout=40)
            assert (process.returncode, text in err) == (code, True), err
            assert "Traceback" not in err
            assert PASSWORD not in err
        unconfigured = subprocess.run(
            [sys.executable, "-m", "mien.cli", "watch", "--config", str(tmp_path / "empty.toml")],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (unconfigured.returncode, "[mqtt]" in unconfigured.stderr) == (3, True)


def test_without_a_broker_paho_is_not_loaded() -> None:
    """A daemon without [mqtt] does not load the client."""
    script = (
        "import sys; from mien import cli; code = cli.main(['run', '--camera', 'demo', '--max-frames', '1']);"
        "sys.exit(code or [name for name in sys.modules if name.startswith('paho')] != [])"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("module", ["play", "watch", "mqtt"])
def test_subscribers_load_no_vision(module: str) -> None:
    """A machine that only subscribes loads neither OpenCV nor numpy nor a model runtime."""
    script = (
        f"import sys, mien.commands.{module}; sys.exit(bool({{'cv2', 'numpy', 'ai_edge_litert'}} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
