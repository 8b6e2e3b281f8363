"""The commands that speak MQTT, as programs of their own."""

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
from mien.mqtt.connection import ConnectionTiming
from mien.service import mqtt_output
from tests.conftest import ROOT
from tests.eventually import eventually
from tests.fakes.mosquitto import PASSWORD, USER, Broker, free_port, hearing, needs_broker, retained, running

pytestmark = needs_broker

QUICK = ConnectionTiming(keepalive=4, patience=2.5, first_delay=0.2, longest_delay=0.4, drain_timeout=2.0)
HAPPY = Mood(Expression.HAPPY, 0.7, (0.05, 0.7, 0.05, 0.05, 0.05, 0.05, 0.05), 1.0)
SAD = Mood(Expression.SAD, 0.7, (0.05, 0.05, 0.7, 0.05, 0.05, 0.05, 0.05), 2.0)

Program = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with running(tmp_path) as made:
        yield made


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    """Starts `mien` with a broker's port, or with the endless camera, and ends what is left of it."""
    started: list[subprocess.Popen[str]] = []

    def start(port: int, *arguments: str, more: str = "", camera: bool = False, **env: str) -> subprocess.Popen[str]:
        config = tmp_path / f"mien-{len(started)}.toml"
        config.write_text(f'[mqtt]\nhost = "127.0.0.1"\nport = {port}\nnode = "kitchen"\n{more}\n')
        script = [str(ROOT / "tests" / "fakes" / "endless_camera.py")] if camera else ["-m", "mien.cli"]
        where = {"MIEN_TEST_FAULT": tmp_path / "fault", "MIEN_TEST_OPEN": tmp_path / "open"}
        process = subprocess.Popen(
            [sys.executable, *script, *arguments, "--config", str(config)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"STATE_DIRECTORY": str(tmp_path / "state")} | {k: str(v) for k, v in where.items()} | env,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def ended(process: subprocess.Popen[str], seconds: float = 20) -> tuple[int, str, str]:
    """SIGTERM, and what it left behind."""
    process.terminate()
    out, err = process.communicate(timeout=seconds)
    return process.returncode, out, err


def test_run_comes_before_the_broker_and_finds_it(tmp_path: Path, program: Program) -> None:
    """Started while nothing listens, the daemon is ready, and online by itself when the broker comes.

    Ended by SIGTERM it says offline and exits with 0; ended by -9 its last will says so.
    """
    port = free_port()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(30)
        process = program(port, "run", "--json", camera=True, NOTIFY_SOCKET=str(tmp_path / "notify"))
        assert systemd.recv(100) == b"READY=1"
    broker = Broker(tmp_path, port=port).start()
    try:
        with hearing(port) as ear:
            assert eventually(lambda: ear.last("mien/kitchen/availability"), 40)
            assert eventually(lambda: ear.last("mien/kitchen/event"), 20)
            code, out, err = ended(process)
            assert code == 0, err
            assert "Next attempt in" in err
            assert ear.last("mien/kitchen/availability").payload == b"offline"  # type: ignore[union-attr]
            moods = [line for line in map(json.loads, out.splitlines()) if line["event"] == "mood"]
            assert {line["expression"] for line in moods} >= {
                m.json["event_type"] for m in ear.of("mien/kitchen/event")
            }
            again = program(port, "run", "--json", camera=True)
            assert eventually(lambda: ear.last("mien/kitchen/availability").payload == b"online", 20)  # type: ignore[union-attr]
            again.kill()
            assert eventually(lambda: ear.last("mien/kitchen/availability").payload == b"offline", 5)  # type: ignore[union-attr]
    finally:
        broker.kill()


def test_two_daemons_of_one_installation(broker: Broker, program: Program) -> None:
    """The second `mien run` with the same node name exits with 3 and says what to do; the first goes on."""
    with hearing(broker.port) as ear:
        first = program(broker.port, "run", camera=True)
        assert eventually(lambda: ear.last("mien/kitchen/availability"), 20)
        second = program(broker.port, "run", camera=True)
        _, err = second.communicate(timeout=20)
        assert second.returncode == 3
        assert "already speaks as node 'kitchen'" in err
        assert len(err.strip().splitlines()) == 1
        assert first.poll() is None
        assert [message.payload for message in ear.of("mien/kitchen/availability")] == [b"online"]


def test_a_daemon_lives_through_a_fault_of_the_camera(tmp_path: Path, broker: Broker, program: Program) -> None:
    """With MQTT a camera that is not there at the start does not end the daemon: the house is told why."""
    (tmp_path / "fault").touch()
    with hearing(broker.port) as ear:
        process = program(broker.port, "run", camera=True)
        assert eventually(lambda: any(m.json["state"] == "fault" for m in ear.of("mien/kitchen/camera")), 20)
        assert "cable" in ear.last("mien/kitchen/camera").json["detail"]  # type: ignore[union-attr]
        assert process.poll() is None


def lines(process: subprocess.Popen[str], count: int) -> list[str]:
    """The next lines of output."""
    assert process.stdout is not None
    return [process.stdout.readline().strip() for _ in range(count)]


def test_play_hears_other_machines(
    broker: Broker, program: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Moods of a node come out as lines with their room, also after the broker's restart; its end is told."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "node"))
    config = Config(mqtt=MqttConfig(host="127.0.0.1", port=broker.port, node="pi1"))
    player = program(broker.port, "play", "--room", "living room=pi1,pi2", "--json")
    with mqtt_output.open_mqtt_output(config.mqtt, Controls(config.vision, config.mood), None, QUICK) as node:
        node.handle(CameraEvent("open", "", 0.0))
        node.handle(HAPPY)
        [first] = map(json.loads, lines(player, 1))
        assert (first["room"], first["node"], first["event"], first["expression"]) == (
            "living room",
            "pi1",
            "mood",
            "happy",
        )
        assert first["at"] == 1.0
        broker.kill()
        assert eventually(lambda: not node.link.up)
        node.handle(SAD)
        broker.start()
        # offline may be told in between, if the broker's last word was the will
        assert eventually(lambda: json.loads(lines(player, 1)[0]).get("expression") == "sad", 40)
    assert json.loads(lines(player, 1)[0])["detail"] == "it is offline"
    code, _, err = ended(player)
    assert (code, "Traceback" in err) == (0, False)


def test_play_feeds_outputs(broker: Broker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An output hears the house's mood as if a camera of its own saw it."""
    import threading
    import time

    from mien.commands import play

    class Output:
        def __init__(self) -> None:
            self.events: list[Event] = []

        def handle(self, event: Event) -> None:
            self.events.append(event)

        def alive(self) -> bool:
            return True

    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "node"))
    config = Config(mqtt=MqttConfig(host="127.0.0.1", port=broker.port, node="pi1"))
    output, file = Output(), StringIO()

    def arrived(mood: Mood) -> bool:
        return mood.expression in [e.expression for e in output.events if isinstance(e, Mood)]

    def story() -> None:
        with mqtt_output.open_mqtt_output(config.mqtt, Controls(config.vision, config.mood), None, QUICK) as node:
            node.handle(CameraEvent("open", "", 0.0))
            for mood in (HAPPY, SAD):
                node.handle(mood)
                eventually(partial(arrived, mood))
        eventually(lambda: len(output.events) == 3)
        signal.raise_signal(signal.SIGINT)

    thread = threading.Thread(target=story)
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
    """Every node of the broker, known before or not, as JSON lines; nonsense under our topics is passed over."""
    state = payloads.state_of(HAPPY, faces=1, since="2026-01-01T00:00:00Z", run="r", seq=1)
    with hearing(broker.port, "nothing") as ear:
        for topic, payload in (
            ("mien/a/state", payloads.write(state)),
            ("mien/a/camera", payloads.write(payloads.CameraPayload(state="open"))),
            ("mien/b/state", b"\x1b[2Jnonsense"),
            ("mien/EVIL/state", payloads.write(state)),
            ("mien/a/availability", b"online"),
        ):
            ear.say(topic, payload, retain=True)
        watcher = program(broker.port, "watch", "--json")
        said = [json.loads(line) for line in lines(watcher, 3)]
        assert {line["node"] for line in said} == {"a"}
        assert (said[-1]["condition"], said[-1]["state"]["expression"]) == ("open", "happy")
        ear.say("mien/a/availability", b"offline")
        assert json.loads(lines(watcher, 1)[0]) == {"node": "a", "condition": "offline", "state": None}
        assert ended(watcher)[0] == 0


def test_the_table_fits_the_terminal() -> None:
    """No more lines and columns than there are, and only what is current."""
    state = payloads.state_of(HAPPY, faces=1, since="2026-01-01T00:00:00Z", run="r", seq=1)
    nodes = {f"node{number}": watch.NodeView(online=number > 0, camera="open", state=state) for number in range(50)}
    text = watch.draw_table(nodes, (60, 10))
    assert text.count("\n") == 9
    assert "nodes: 50, online: 49" in text
    assert "... and 44 more" in text
    assert all(len(line.split("\x1b[K")[0].replace("\x1b[H", "")) <= 60 for line in text.split("\n"))
    assert "happy" not in watch.format_row("node0", nodes["node0"])
    assert "happy" in watch.format_row("node1", nodes["node1"])


def test_forget_leaves_no_trace(
    broker: Broker, program: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Refused while the node is online; then nothing of it is left, and what is not its own stays."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "node"))
    config = Config(mqtt=MqttConfig(host="127.0.0.1", port=broker.port, node="kitchen"))
    with hearing(broker.port) as ear:
        ear.say("mien/other/availability", "online", retain=True)
        with mqtt_output.open_mqtt_output(config.mqtt, Controls(config.vision, config.mood), None, QUICK):
            assert eventually(lambda: ear.last("mien/kitchen/availability"))
            forgetting = program(broker.port, "mqtt", "forget")
            _, err = forgetting.communicate(timeout=30)
            assert (forgetting.returncode, "stop it first" in err) == (6, True)
        forgetting = program(broker.port, "mqtt", "forget", "kitchen")
        out, _ = forgetting.communicate(timeout=30)
        assert (forgetting.returncode, "are gone" in out) == (0, True)
        assert set(retained(broker.port)) == {"mien/other/availability"}
        assert ear.last("homeassistant/device/mien_kitchen/config").payload == b""  # type: ignore[union-attr]


def test_refusals_have_their_exit_codes(tmp_path: Path, program: Program) -> None:
    """No broker configured 3, a wrong room or node 2, a broker that refuses 6: one sentence each."""
    (tmp_path / "empty.toml").write_text("")
    with running(tmp_path, password=True) as broker:
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
        for process, code, words in cases:
            _, err = process.communicate(timeout=40)
            assert (process.returncode, words in err) == (code, True), err
            assert "Traceback" not in err
            assert PASSWORD not in err
        none = subprocess.run(
            [sys.executable, "-m", "mien.cli", "watch", "--config", str(tmp_path / "empty.toml")],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (none.returncode, "[mqtt]" in none.stderr) == (3, True)


def test_without_a_broker_paho_is_not_loaded() -> None:
    """Neither --help nor a daemon without [mqtt] loads the client."""
    script = (
        "import sys; from mien import cli; code = cli.main(['run', '--camera', 'demo', '--max-frames', '1']);"
        "sys.exit(code or [name for name in sys.modules if name.startswith('paho')] != [])"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("module", ["play", "watch", "mqtt"])
def test_listeners_load_nothing_that_looks(module: str) -> None:
    """A machine that only listens needs neither OpenCV nor numpy nor a model's runtime in its memory."""
    script = (
        f"import sys, mien.commands.{module}; sys.exit(bool({{'cv2', 'numpy', 'ai_edge_litert'}} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
