"""A real mosquitto that tests start, stop and mistreat, and one who hears all that is said there."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema
import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from mien.mqtt import payloads, topics
from tests.eventually import eventually

MOSQUITTO = shutil.which("mosquitto") or next(
    (path for path in ("/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto") if Path(path).exists()), None
)
needs_broker = pytest.mark.skipif(MOSQUITTO is None, reason="needs mosquitto: apt install mosquitto")

USER, PASSWORD = "mien", "correct horse"  # of a broker that lives for a second on loopback


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Broker:
    """mosquitto on loopback; it keeps nothing, so a restarted one is empty."""

    folder: Path
    password: bool = False
    tls: bool = False
    client_certificates: bool = False
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> Broker:
        """Returns when it listens."""
        lines = [f"listener {self.port} 127.0.0.1", "persistence false", "max_queued_messages 0"]
        if os.geteuid() == 0:
            lines.append("user root")  # else it could not read the test's files
        lines.append(f"allow_anonymous {'false' if self.password else 'true'}")
        if self.password:
            users = self.folder / "users"
            subprocess.run(["mosquitto_passwd", "-b", "-c", users, USER, PASSWORD], check=True)
            lines.append(f"password_file {users}")
        if self.tls:
            certificates(self.folder)
            lines += [f"cafile {self.folder}/ca.pem", f"certfile {self.folder}/broker.pem"]
            lines += [f"keyfile {self.folder}/broker.key"]
            lines += [f"require_certificate {'true' if self.client_certificates else 'false'}"]
        config = self.folder / "mosquitto.conf"
        config.write_text("\n".join(lines) + "\n")
        assert MOSQUITTO is not None
        with (self.folder / "mosquitto.log").open("ab") as log:
            self.process = subprocess.Popen([MOSQUITTO, "-v", "-c", str(config)], stdout=log, stderr=log)
        assert eventually(self.listens), (self.folder / "mosquitto.log").read_text()
        return self

    def listens(self) -> bool:
        """Whether a connection is taken."""
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 0.2):
            return True
        return False

    def admit(self, client: paho.Client) -> None:
        """Give a client what this broker asks for."""
        if self.password:
            client.username_pw_set(USER, PASSWORD)
        if self.tls:
            context = ssl.create_default_context(cafile=str(self.folder / "ca.pem"))
            context.load_cert_chain(str(self.folder / "client.pem"), str(self.folder / "client.key"))
            client.tls_set_context(context)

    def send(self, number: int) -> None:
        """A signal."""
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        """-9."""
        if self.process is not None:
            self.send(signal.SIGKILL)
            self.process.wait()


@contextlib.contextmanager
def running(folder: Path, **how: bool) -> Iterator[Broker]:
    """A broker while inside."""
    broker = Broker(folder, **how).start()  # type: ignore[arg-type]
    try:
        yield broker
    finally:
        broker.kill()


def certificates(folder: Path) -> None:
    """An authority, a broker's certificate for localhost and a client's."""
    if (folder / "ca.pem").exists():
        return

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl(
        "req", "-x509", *new_key, "-subj", "/CN=test authority", "-days", "2", "-keyout", "ca.key", "-out", "ca.pem"
    )
    for name, subject in (("broker", "/CN=localhost"), ("client", "/CN=mien")):
        openssl("req", *new_key, "-subj", subject, "-keyout", f"{name}.key", "-out", f"{name}.csr")
        (folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        sign = ["x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"]
        openssl(*sign, "-days", "2", "-extfile", "names", "-out", f"{name}.pem")


@dataclass
class Message:
    """What was heard, and when (monotonic seconds)."""

    topic: str
    payload: bytes
    retained: bool
    at: float

    @property
    def json(self) -> Any:
        """The payload, decoded."""
        return json.loads(self.payload)


class Ear:
    """Hears everything, and validates all that nodes say against the schema in the package."""

    def __init__(self, where: int | Broker, pattern: str = "#") -> None:
        self.messages: list[Message] = []
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv311)
        self._subscribed = threading.Event()
        self._pattern = pattern
        self._client.on_connect = self._subscribe
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._note
        self._client.reconnect_delay_set(1, 1)
        if isinstance(where, Broker):
            where.admit(self._client)
        self._client.connect("localhost", where if isinstance(where, int) else where.port)
        self._client.loop_start()
        assert self._subscribed.wait(10)

    def _subscribe(self, *_: Any) -> None:
        self._client.subscribe(self._pattern, 2)

    def _note(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        self.messages.append(Message(message.topic, bytes(message.payload), message.retain, time.monotonic()))

    def say(self, topic: str, payload: bytes | str, *, retain: bool = False, qos: int = 1) -> None:
        """Publish, and wait until the broker has it. After a broker's restart the ear is away for a moment."""
        assert eventually(self._client.is_connected)
        self._client.publish(topic, payload, qos, retain).wait_for_publish(10)

    def of(self, topic: str) -> list[Message]:
        """All messages of one topic, as they came."""
        return [message for message in list(self.messages) if message.topic == topic]

    def last(self, topic: str) -> Message | None:
        """The latest of a topic."""
        return next(iter(self.of(topic)[::-1]), None)

    def close(self) -> None:
        """Check what was heard."""
        self._client.disconnect()
        self._client.loop_stop()
        for message in self.messages:
            place = message.topic.split("/")
            known = (*topics.FIRST_LEVELS, "hello")
            if len(place) == 3 and place[0] == "mien" and place[2] in known and message.payload:
                validator(place[2]).validate(message.payload.decode() if place[2] == "availability" else message.json)


@functools.cache
def validator(topic: str) -> jsonschema.Draft202012Validator:
    """Of a topic's payload."""
    return jsonschema.Draft202012Validator({"$ref": f"#/topics/{topic}", **payloads.schema()})


@contextlib.contextmanager
def hearing(where: int | Broker, pattern: str = "#") -> Iterator[Ear]:
    """An Ear while inside."""
    ear = Ear(where, pattern)
    try:
        yield ear
    finally:
        ear.close()


def retained(where: int | Broker, seconds: float = 0.5) -> dict[str, bytes]:
    """What a newcomer is told of the past."""
    with hearing(where) as ear:
        time.sleep(seconds)
        return {message.topic: message.payload for message in ear.messages if message.retained}


class Door:
    """Stands before a broker, passes on what is said, and can be shut: then nobody comes in, and nobody stays."""

    def __init__(self, broker: Broker) -> None:
        self._broker, self._shut = broker, False
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self._sockets: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            self._sockets.append(client)
            with contextlib.suppress(OSError):  # either side may hang up at any moment
                self._lead_in(client)
            if self._shut:
                self._show_out()

    def _lead_in(self, client: socket.socket) -> None:
        first = client.recv(4096)
        if self._shut or self._refuses(client, first):
            client.close()
            return
        real = socket.create_connection(("127.0.0.1", self._broker.port))
        self._sockets.append(real)
        real.sendall(first)
        for source, target in ((client, real), (real, client)):
            threading.Thread(target=_pipe, args=(source, target), daemon=True).start()

    def _refuses(self, _client: socket.socket, _first: bytes) -> bool:
        return False

    def shut(self) -> None:
        """Until it is opened."""
        self._shut = True
        self._show_out()

    def open(self) -> None:
        """Again."""
        self._shut = False

    def _show_out(self) -> None:
        for each in list(self._sockets):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End it."""
        self._server.close()
        self._show_out()
        for each in self._sockets:
            each.close()


class OldBroker(Door):
    """Refuses MQTT 5: how is "connack" (return code 1), or "close" without a word."""

    def __init__(self, broker: Broker, how: str) -> None:
        self._how = how
        super().__init__(broker)

    def _refuses(self, client: socket.socket, first: bytes) -> bool:
        if b"MQTT\x05" not in first:
            return False
        if self._how == "connack":
            client.sendall(b"\x20\x02\x00\x01")
        return True


def _pipe(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(4096):
            target.sendall(data)
        target.shutdown(socket.SHUT_RDWR)
