"""A real mosquitto that tests start, kill and block, and a client that records its messages."""

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
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema
import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from mien.mqtt import payloads, topics
from mien.mqtt.connection import ConnectionTiming
from tests.eventually import eventually

MOSQUITTO = shutil.which("mosquitto") or next(
    (path for path in ("/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto") if Path(path).exists()), None
)
needs_broker = pytest.mark.skipif(MOSQUITTO is None, reason="needs mosquitto: apt install mosquitto")

USER, PASSWORD = "mien", "correct horse"  # of a broker that runs for a second on loopback
FENCE = "test/fence"

QUICK = ConnectionTiming(keepalive=4, timeout=2.5, first_delay=0.2, longest_delay=0.4, drain_timeout=2.0)
"""Short durations, for tests."""


def free_port() -> int:
    """Return a port that is not in use now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Broker:
    """A mosquitto on loopback without persistence: after a restart it is empty."""

    folder: Path
    password: bool = False
    tls: bool = False
    client_certificates: bool = False
    rules: str = ""  # of an acl_file
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> Broker:
        """Start the broker, and return when it listens."""
        lines = [f"listener {self.port} 127.0.0.1", "persistence false", "max_queued_messages 0"]
        if os.geteuid() == 0:
            lines.append("user root")  # otherwise it could not read the test's files
        lines.append(f"allow_anonymous {'false' if self.password else 'true'}")
        if self.password:
            users = self.folder / "users"
            subprocess.run(["mosquitto_passwd", "-b", "-c", users, USER, PASSWORD], check=True)
            lines.append(f"password_file {users}")
        if self.rules:
            (self.folder / "rules").write_text(self.rules)
            lines.append(f"acl_file {self.folder}/rules")
        if self.tls:
            create_certificates(self.folder)
            lines += [f"cafile {self.folder}/ca.pem", f"certfile {self.folder}/broker.pem"]
            lines += [f"keyfile {self.folder}/broker.key"]
            lines += [f"require_certificate {'true' if self.client_certificates else 'false'}"]
        config = self.folder / "mosquitto.conf"
        config.write_text("\n".join(lines) + "\n")
        assert MOSQUITTO is not None
        with (self.folder / "mosquitto.log").open("ab") as log:
            self.process = subprocess.Popen([MOSQUITTO, "-v", "-c", str(config)], stdout=log, stderr=log)
        assert eventually(self.is_listening), (self.folder / "mosquitto.log").read_text()
        return self

    def is_listening(self) -> bool:
        """Return whether it accepts a connection."""
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 0.2):
            return True
        return False

    def configure_client(self, client: paho.Client) -> None:
        """Set the login and the certificates that this broker requires."""
        if self.password:
            client.username_pw_set(USER, PASSWORD)
        if self.tls:
            context = ssl.create_default_context(cafile=str(self.folder / "ca.pem"))
            context.load_cert_chain(str(self.folder / "client.pem"), str(self.folder / "client.key"))
            client.tls_set_context(context)

    def send_signal(self, number: int) -> None:
        """Send the process a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        """End the process by SIGKILL."""
        if self.process is not None:
            self.send_signal(signal.SIGKILL)
            self.process.wait()


@contextlib.contextmanager
def running_broker(folder: Path, **options: bool | str) -> Iterator[Broker]:
    """Yield a started broker, and kill it. options: fields of Broker."""
    broker = Broker(folder, **options).start()  # type: ignore[arg-type]
    try:
        yield broker
    finally:
        broker.kill()


def create_certificates(folder: Path) -> None:
    """Create a certificate authority, a broker's certificate for localhost, and a client's."""
    if (folder / "ca.pem").exists():
        return

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    authority = ["-subj", "/CN=test authority", "-addext", "keyUsage=critical,keyCertSign"]  # Python 3.13 requires it
    openssl("req", "-x509", *new_key, *authority, "-days", "2", "-keyout", "ca.key", "-out", "ca.pem")
    for name, subject in (("broker", "/CN=localhost"), ("client", "/CN=mien")):
        openssl("req", *new_key, "-subj", subject, "-keyout", f"{name}.key", "-out", f"{name}.csr")
        (folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\nauthorityKeyIdentifier=keyid\n")
        sign = ["x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"]
        openssl(*sign, "-days", "2", "-extfile", "names", "-out", f"{name}.pem")


@dataclass
class RecordedMessage:
    """A message, and when it arrived, by the recorder's clock."""

    topic: str
    payload: bytes
    retained: bool
    at: float

    @property
    def json(self) -> Any:
        """The payload, decoded."""
        return json.loads(self.payload)


class MessageRecorder:
    """A client that records messages, and validates those of nodes against the schema in the package.

    broker: a broker, or a port on this machine. clock: seconds, for RecordedMessage.at.
    """

    def __init__(self, broker: int | Broker, pattern: str = "#", clock: Callable[[], float] = time.monotonic) -> None:
        self.messages: list[RecordedMessage] = []
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv311)
        self._subscribed = threading.Event()
        self._pattern, self._clock = pattern, clock
        self._fences: list[bytes] = []
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._on_message
        self._client.reconnect_delay_set(1, 1)
        if isinstance(broker, Broker):
            broker.configure_client(self._client)
        self._client.connect("localhost", broker if isinstance(broker, int) else broker.port)
        self._client.loop_start()
        assert self._subscribed.wait(10)

    def _on_connect(self, *_: Any) -> None:
        self._client.subscribe([(self._pattern, 2), (FENCE, 2)])

    def _on_message(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        payload = bytes(message.payload)
        if message.topic == FENCE:
            self._fences.append(payload)
        else:
            self.messages.append(RecordedMessage(message.topic, payload, message.retain, self._clock()))

    def publish(self, topic: str, payload: bytes | str, *, retain: bool = False, qos: int = 1) -> None:
        """Publish, and wait until the broker has the message. After a broker's restart, wait for the connection too."""
        assert eventually(self._client.is_connected)
        self._client.publish(topic, payload, qos, retain).wait_for_publish(10)

    def fence(self) -> None:
        """Return when everything has arrived that the broker had for this client before now."""
        marker = uuid.uuid4().bytes
        self.publish(FENCE, marker, qos=2)
        assert eventually(lambda: marker in self._fences)

    def on_topic(self, topic: str) -> list[RecordedMessage]:
        """Return all messages of one topic, in the order of their arrival."""
        return [message for message in list(self.messages) if message.topic == topic]

    def last(self, topic: str) -> RecordedMessage | None:
        """Return the latest message of a topic."""
        return next(iter(self.on_topic(topic)[::-1]), None)

    def close(self) -> None:
        """Disconnect, and validate what was recorded."""
        self._client.disconnect()
        self._client.loop_stop()
        self._client._reset_sockets(sockpair_only=True)  # otherwise they wait for a garbage collection
        for message in self.messages:
            levels = message.topic.split("/")
            names = (*topics.TOPIC_NAMES, "hello")
            if len(levels) == 3 and levels[0] == "mien" and levels[2] in names and message.payload:
                payload = message.payload.decode() if levels[2] == "availability" else message.json
                validator(levels[2]).validate(payload)


@functools.cache
def validator(name: str) -> jsonschema.Draft202012Validator:
    """Return the validator of a topic's payload."""
    return jsonschema.Draft202012Validator({"$ref": f"#/topics/{name}", **payloads.schema()})


@contextlib.contextmanager
def recording(
    broker: int | Broker, pattern: str = "#", clock: Callable[[], float] = time.monotonic
) -> Iterator[MessageRecorder]:
    """Yield a MessageRecorder, and close it."""
    recorder = MessageRecorder(broker, pattern, clock)
    try:
        yield recorder
    finally:
        recorder.close()


def retained_messages(broker: int | Broker) -> dict[str, bytes]:
    """Return the payloads that the broker retains, by topic."""
    with recording(broker) as recorder:
        recorder.fence()
        return {message.topic: message.payload for message in recorder.messages if message.retained}


class BrokerProxy:
    """A proxy before a broker that can be blocked: it then closes all connections and accepts no other."""

    def __init__(self, broker: Broker) -> None:
        self._broker, self._blocked = broker, False
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
                self._forward(client)
            if self._blocked:
                self._disconnect_all()

    def _forward(self, client: socket.socket) -> None:
        first = client.recv(4096)
        if self._blocked or self._refuses(client, first):
            client.close()
            return
        server = socket.create_connection(("127.0.0.1", self._broker.port))
        self._sockets.append(server)
        server.sendall(first)
        for source, target in ((client, server), (server, client)):
            threading.Thread(target=_pipe, args=(source, target), daemon=True).start()

    def _refuses(self, _client: socket.socket, _first: bytes) -> bool:
        return False

    def block(self) -> None:
        """Close all connections and accept no other until `unblock`."""
        self._blocked = True
        self._disconnect_all()

    def unblock(self) -> None:
        """Accept connections again."""
        self._blocked = False

    def _disconnect_all(self) -> None:
        for each in list(self._sockets):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the server and all connections."""
        self._server.close()
        self._disconnect_all()
        for each in self._sockets:
            each.close()


class Mqtt311Proxy(BrokerProxy):
    """A proxy that makes a broker refuse MQTT 5: by "connack" (return code 1), or by "close" without a reply."""

    def __init__(self, broker: Broker, refusal: str) -> None:
        self._refusal = refusal
        super().__init__(broker)

    def _refuses(self, client: socket.socket, first: bytes) -> bool:
        if b"MQTT\x05" not in first:
            return False
        if self._refusal == "connack":
            client.sendall(b"\x20\x02\x00\x01")
        return True


def _pipe(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(4096):
            target.sendall(data)
        target.shutdown(socket.SHUT_RDWR)
