"""Each thing that mien needs, broken in turn: the doctor names that thing and only that, and its cure works."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from mien.cli import main
from mien.commands.model import fetch_yunet
from mien.config_file import load
from mien.doctor.examination import NAMES, examine
from mien.doctor.subject import open_subject
from mien.doctor.system import Completed, DiskUsage
from mien.doctor.verdict import CheckResult
from mien.music.players.spotify import client as client_module
from mien.music.players.spotify.client import Endpoints, SpotifyClient
from mien.music.players.spotify.store import TokenStore
from mien.service.people_store import PEOPLE_FILE
from mien.vision import yunet
from mien.vision.classifier import DEFAULT_MODEL
from tests.conftest import ROOT, scene
from tests.fakes.machine import FakeMachine
from tests.fakes.mosquitto import PASSWORD, USER, Broker, needs_broker, recording
from tests.fakes.picamera2_stub import install
from tests.fakes.spotify_server import SpotifyServer

pytestmark = needs_broker

Children = dict[tuple[str, ...], Completed]


@pytest.fixture(scope="module")
def children() -> Children:
    """The outcomes of the probes so far: a test that breaks nothing of a probe need not wait for it again."""
    return {}


class Installation:
    """A Pi on which everything works: real broker, fake Spotify, fake picamera2 under the real camera code."""

    def __init__(self, folder: Path, server: SpotifyServer, broker: Broker, children: Children) -> None:
        self.folder, self.server, self.broker, self.state = folder, server, broker, folder / "state"
        self.machine = FakeMachine(folder / "root", children)
        for name in ("lib", "state"):
            (folder / name).mkdir()
        install(folder / "lib")
        self.texts = {
            "camera": "",
            "vision": "",
            "model": "",
            "spotify": f'client_id = "{server.spotify.client_id}"\ndevice = "Kitchen"\n',
            "music": "enabled = true\n",
            "mqtt": f'host = "127.0.0.1"\nport = {broker.port}\nnode = "kitchen"\nusername = "{USER}"\n'
            f'password_file = "{folder}/password"\n',
        }
        self.password = folder / "password"
        self.password.write_text(PASSWORD)
        self.password.chmod(0o600)
        self.configure()
        self.show(scene())

    def configure(self, **more: str) -> None:
        """Write the configuration. more: lines of sections."""
        texts = {name: text + more.get(name, "") for name, text in self.texts.items()}
        self.config.write_text("".join(f"[{name}]\n{text}" for name, text in texts.items()))

    @property
    def config(self) -> Path:
        return self.folder / "mien.toml"

    def show(self, picture: NDArray[np.uint8], **settings: Any) -> None:
        """Hold a picture before the camera, with its faults."""
        path = self.folder / "picture.npy"
        np.save(path, picture)
        (self.folder / "camera.json").write_text(json.dumps({"picture": str(path), **settings}))
        self.machine.salt = f"{settings}{picture.tobytes()!r}"

    def log_in(self) -> None:
        """Do what `mien spotify login` does."""
        client = SpotifyClient(load(self.config).spotify, TokenStore(self.state))
        assert client.complete_login(self.server.spotify.consent(client.begin_login()))

    def publish_status(self, payload: bytes) -> None:
        """Publish Home Assistant's birth message or last will, retained."""
        with recording(self.broker) as recorder:
            recorder.publish("homeassistant/status", payload, retain=True)

    def examine(self) -> list[CheckResult]:
        """Return the results, whose names and number never change."""
        results = examine(open_subject(self.config, self.machine), deadlines=(90, 120))
        assert [result.name for result in results] == list(NAMES)
        return results


@pytest.fixture
def pi(
    tmp_path: Path, server: SpotifyServer, monkeypatch: pytest.MonkeyPatch, children: Children
) -> Iterator[Installation]:
    """The installation, logged in, with Home Assistant online, and YuNet where its file is at hand."""
    monkeypatch.setattr(client_module, "ENDPOINTS", Endpoints(server.url + "v1/", server.url))
    monkeypatch.setenv("MIEN_TEST_CAMERA", str(tmp_path / "camera.json"))
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}/lib:{ROOT}", prepend=":")
    server.spotify.clock.now = time.time() - server.spotify.clock.wall()
    broker = Broker(tmp_path, password=True, rules=f"user {USER}\ntopic readwrite #\n").start()
    try:
        installation = Installation(tmp_path, server, broker, children)
        installation.log_in()
        installation.publish_status(b"online")
        yield installation
    finally:
        installation.broker.kill()


def blurred(sigma: float) -> NDArray[np.uint8]:
    return np.asarray(cv2.GaussianBlur(scene(), (0, 0), sigma), np.uint8)


def blurred_face() -> NDArray[np.uint8]:
    """A blurred face under a sharp pattern."""
    picture = blurred(14)
    picture[:90] = np.kron(np.random.default_rng(0).integers(0, 2, (15, 80)), np.full((6, 8), 200)).astype(np.uint8)
    return picture


def plain_wall() -> NDArray[np.uint8]:
    return np.asarray(np.kron(np.random.default_rng(1).integers(60, 200, (24, 32)), np.ones((20, 20))), np.uint8)


def replace_library(pi: Installation, module: str, text: str) -> None:
    path = pi.folder / "lib" / module
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    pi.machine.salt = module + text


def remove_library(pi: Installation, *modules: str) -> None:
    for path in (pi.folder / "lib" / module for module in modules):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    pi.show(scene())


def damage_model(pi: Installation) -> None:
    (pi.folder / "own.tflite").write_bytes(DEFAULT_MODEL.read_bytes()[:-1000])
    pi.configure(model=f'file = "{pi.folder}/own.tflite"\n')


def break_runtimes(pi: Installation) -> None:
    for package in ("ai_edge_litert", "tflite_runtime"):
        replace_library(pi, f"{package}/interpreter.py", "import os\nos.abort()\n")
        replace_library(pi, f"{package}/__init__.py", "")


def restart_broker(pi: Installation, **changes: str) -> None:
    """Start the broker again, with other access rules."""
    pi.broker.kill()
    for name, value in changes.items():
        setattr(pi.broker, name, value)
    pi.broker.start()
    if "readwrite #" in pi.broker.rules or "homeassistant" in pi.broker.rules:
        pi.publish_status(b"online")


def age_consent(pi: Installation) -> None:
    store = TokenStore(pi.state)
    token = store.token()
    assert token is not None
    store.save_token(msgspec.structs.replace(token, consented_at=time.time() - 175 * 86400))


def set_unit(pi: Installation, **properties: str) -> None:
    pi.machine.unit |= properties


def set_program(pi: Installation, name: str, output: str) -> None:
    pi.machine.programs[name] = output


def set_usage(pi: Installation, free: int) -> None:
    pi.machine.usage = DiskUsage(free, 32 * 10**9)


def set_state(value: str) -> Callable[[Installation], None]:
    def change(pi: Installation) -> None:
        os.environ["STATE_DIRECTORY"] = value.format(folder=pi.folder)

    return change


def damage_people(pi: Installation) -> None:
    (pi.state / PEOPLE_FILE).write_text("{")
    pi.machine.salt += "damaged people"


def forget_people(pi: Installation) -> None:
    assert main(["learn", "forget"]) == 0
    pi.show(scene())


Step = Callable[[Installation], object]

FAULTS: dict[str, tuple[Step, Step, str]] = {
    "configuration": (lambda pi: pi.configure(camera="sauce = 1\n"), lambda pi: pi.configure(), "mien config check"),
    "state": (set_state("{folder}/password/state"), set_state("{folder}/state"), "STATE_DIRECTORY"),
    "libraries": (
        lambda pi: replace_library(pi, "cv2.py", "raise ImportError('numpy.core.multiarray failed to import')"),
        lambda pi: remove_library(pi, "cv2.py"),
        "pip install 'numpy",
    ),
    "model": (damage_model, lambda pi: pi.configure(), "remove [model] file"),
    "runtime": (
        break_runtimes,
        lambda pi: remove_library(pi, "ai_edge_litert", "tflite_runtime"),
        "pip install --force-reinstall",
    ),
    "learned faces": (damage_people, forget_people, "mien learn forget"),
    "camera": (lambda pi: pi.show(scene(), cameras=0), lambda pi: pi.show(scene()), "cable"),
    "frames": (lambda pi: pi.show(scene(), frozen=True), lambda pi: pi.show(scene()), "cable"),
    "view": (
        lambda pi: pi.show(scene(), read_area=(1000, 752, 1280, 960)),
        lambda pi: pi.show(scene()),
        "libcamera",
    ),
    "exposure": (lambda pi: pi.show(np.full((480, 640), 3, np.uint8)), lambda pi: pi.show(scene()), "cover"),
    "focus": (lambda pi: pi.show(blurred(8)), lambda pi: pi.show(scene()), "wipe the lens"),
    "face": (lambda pi: pi.show(plain_wall()), lambda pi: pi.show(scene()), "look at the camera"),
    "light": (lambda pi: pi.show(blurred_face()), lambda pi: pi.show(scene()), "hold still"),
    "broker": (lambda pi: pi.broker.kill(), restart_broker, "systemctl start mosquitto"),
    "login": (lambda pi: pi.password.write_text("wrong"), lambda pi: pi.password.write_text(PASSWORD), "password_file"),
    "rights": (
        partial(restart_broker, rules=f"user {USER}\ntopic readwrite homeassistant/#\n"),
        partial(restart_broker, rules=f"user {USER}\ntopic readwrite mien/#\ntopic readwrite homeassistant/#\n"),
        "topic readwrite mien/#",
    ),
    "Home Assistant": (
        lambda pi: pi.publish_status(b"offline"),
        lambda pi: pi.publish_status(b"online"),
        "start it",
    ),
    "player": (
        lambda pi: (pi.state / "spotify-token.json").unlink(),
        lambda pi: pi.log_in(),
        "mien spotify login",
    ),
    "consent": (age_consent, lambda pi: pi.log_in(), "mien spotify login"),
    "player device": (
        lambda pi: pi.server.spotify.devices.clear(),
        lambda pi: pi.server.spotify.add_device("speaker1", "Kitchen"),
        "switch it on",
    ),
    "service": (
        partial(set_unit, ActiveState="inactive"),
        partial(set_unit, ActiveState="active"),
        "systemctl enable --now mien",
    ),
    "last exit": (
        partial(set_unit, ExecMainCode="1", ExecMainStatus="3"),
        partial(set_unit, ExecMainCode="0", ExecMainStatus="0"),
        "mien config check",
    ),
    "service user": (
        lambda pi: pi.machine.groups["mien"].discard("video"),
        lambda pi: pi.machine.groups["mien"].add("video"),
        "usermod -aG video mien",
    ),
    "clock": (
        lambda pi: set_program(pi, "timedatectl", "no"),
        lambda pi: set_program(pi, "timedatectl", "yes"),
        "set-ntp",
    ),
    "power": (
        lambda pi: set_program(pi, "vcgencmd get_throttled", "throttled=0x50005"),
        lambda pi: set_program(pi, "vcgencmd get_throttled", "throttled=0x0"),
        "power supply",
    ),
    "temperature": (
        lambda pi: set_program(pi, "vcgencmd measure_temp", "temp=85.1'C"),
        lambda pi: set_program(pi, "vcgencmd measure_temp", "temp=60.0'C"),
        "heat sink",
    ),
    "disk": (lambda pi: set_usage(pi, 1000), lambda pi: set_usage(pi, 10**10), "apt clean"),
    "card": (
        lambda pi: pi.machine.write("/sys/fs/ext4/mmcblk0p2/errors_count", "2"),
        lambda pi: pi.machine.write("/sys/fs/ext4/mmcblk0p2/errors_count", "0"),
        "replace the card",
    ),
}


def named(results: list[CheckResult]) -> list[str]:
    """The checks that are not good, but for the recommendation of YuNet, which not every clone has."""
    return [result.name for result in results if result.state in ("bad", "advice") and result.name != "detector"]


@pytest.mark.parametrize("name", FAULTS)
def test_only_the_broken_thing_is_named_and_its_cure_works(pi: Installation, name: str) -> None:
    """Broken, its check alone is not good, with the right cure; after that cure everything is good again."""
    break_it, cure, text = FAULTS[name]
    break_it(pi)
    results = pi.examine()
    assert named(results) == [name], results
    [broken] = [result for result in results if result.name == name]
    assert text in broken.cure
    cure(pi)
    results = pi.examine()
    assert named(results) == [], results
    assert [result.name for result in results if result.state == "skipped"] == [], results


def test_every_check_is_broken_once() -> None:
    """But for the versions, which cannot be wrong, and the detector, which has a test of its own."""
    assert set(FAULTS) == set(NAMES) - {"versions", "detector"}


class YunetHandler(http.server.BaseHTTPRequestHandler):
    """Serves YuNet's file."""

    content = b""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.content)))
        self.end_headers()
        self.wfile.write(self.content)

    def log_message(self, *_: object) -> None: ...


@pytest.mark.parametrize("damage", [None, b"no network at all"])
def test_the_detector_is_recommended_and_repaired(pi: Installation, shared: Path, damage: bytes | None) -> None:
    """Missing or damaged: `mien model fetch-yunet` makes it good."""
    path = yunet.default_path()
    if damage is not None:
        path.write_bytes(damage)
    pi.machine.salt += f"{damage!r}"
    results = pi.examine()
    [detector] = [result for result in results if result.state in ("bad", "advice")]
    assert (detector.name, detector.cure) == ("detector", "mien model fetch-yunet")
    assert detector.state == ("advice" if damage is None else "bad")
    handler = type("Handler", (YunetHandler,), {"content": (shared / "yunet" / path.name).read_bytes()})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
        fetch_yunet(f"http://127.0.0.1:{server.server_port}/")
        server.shutdown()
    pi.machine.salt += "fetched"
    assert {result.state for result in pi.examine()} == {"good"}
