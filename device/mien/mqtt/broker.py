"""How to get at the broker: address, password, certificates; and who this machine is."""

from __future__ import annotations

import fcntl
import hashlib
import ipaddress
import logging
import os
import platform
import re
import socket
import ssl
import stat
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from mien.config import MqttConfig
from mien.errors import ConfigError
from mien.mqtt.topics import NODE_PATTERN

CREDENTIAL = "mqtt-password"
"""The name of systemd's credential: LoadCredential=mqtt-password:FILE."""

_LARGEST_PASSWORD = 4096

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """A broker's address and what it asks of us."""

    host: str
    port: int
    username: str = ""
    password: str = field(default="", repr=False)
    tls: ssl.SSLContext | None = None

    @classmethod
    def of(cls, config: MqttConfig) -> BrokerSettings:
        """As configured; warns of a password in clear. Raises ConfigError."""
        if not config.host:
            raise ConfigError("No broker is configured: add [mqtt] with host = the broker's name to the configuration.")
        password = _password(config)
        if password and not config.username:
            raise ConfigError("mqtt.password_file is of no use without mqtt.username: add it.")
        if config.username and not config.tls and not is_local(config.host):
            log.warning(
                "The MQTT password goes to %s in clear, for all on the way to read: set tls = true.", config.host
            )
        return cls(config.host, config.port or (8883 if config.tls else 1883), config.username, password, _tls(config))


def is_local(host: str) -> bool:
    """Whether a host is this very machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def node_of(config: MqttConfig) -> str:
    """The configured node, else the host's name made fit. Raises ConfigError where that leaves nothing."""
    name = config.node or re.sub(r"[^a-z0-9_-]+", "-", platform.node().split(".")[0].lower()).strip("-_")[:32]
    if not re.match(NODE_PATTERN, name):
        raise ConfigError("This machine's host name makes no node name: set mqtt.node.")
    return name


def identity(node: str, state: Path) -> str:
    """Twelve hexadecimal digits that name this installation: the same after a restart, another on another machine.

    It needs no file, so that a cloned card does not speak with its twin's voice.
    """
    return hashlib.sha256(f"{uuid.getnode()}:{platform.node()}:{state}:{node}".encode()).hexdigest()[:12]


def lock(node: str, state: Path) -> IO[str]:
    """Hold the node's name among the programs of this installation, until the file is closed. Raises ConfigError."""
    held = (state / f"mqtt-{node}.lock").open("w")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        held.close()
        raise ConfigError(
            f"Another mien on this machine already speaks as node {node!r}: stop it (systemctl stop mien), "
            "or set another mqtt.node."
        ) from None
    return held


def host_name() -> str:
    """For people, to tell machines apart."""
    return socket.gethostname()[:100]


def _password(config: MqttConfig) -> str:
    credential = Path(os.environ.get("CREDENTIALS_DIRECTORY", "")) / CREDENTIAL
    if config.password_file:
        path, setting = Path(config.password_file).expanduser(), "mqtt.password_file"
    elif os.environ.get("CREDENTIALS_DIRECTORY") and credential.is_file():
        path, setting = credential, "the credential"
    else:
        return ""
    try:
        with path.open("rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ConfigError(f"{setting}: {path} is not a file.")
            if config.password_file and os.fstat(file.fileno()).st_mode & 0o077:
                log.warning("%s can be read by others: chmod 600 %s", path, path)
            text = file.read(_LARGEST_PASSWORD + 1)
        password = text.decode("utf-8").rstrip("\r\n")
    except OSError as error:
        raise ConfigError(f"{setting}: {path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{setting}: {path} is not UTF-8 text.") from None
    if not password or len(text) > _LARGEST_PASSWORD or "\n" in password:
        raise ConfigError(f"{setting}: {path} must hold one line, the password.")
    return password


def _tls(config: MqttConfig) -> ssl.SSLContext | None:
    files = {"ca_file": config.ca_file, "cert_file": config.cert_file, "key_file": config.key_file}
    if not config.tls:
        if given := [f"mqtt.{name}" for name, file in files.items() if file]:
            raise ConfigError(f"{given[0]} is of no use without TLS: set tls = true in [mqtt].")
        return None
    if config.key_file and not config.cert_file:
        raise ConfigError("mqtt.key_file is of no use without mqtt.cert_file: add it.")
    for name, file in files.items():
        if file and not os.access(Path(file).expanduser(), os.R_OK):
            raise ConfigError(f"mqtt.{name}: {file} is not there, or not for this user to read.")
    try:
        context = ssl.create_default_context(cafile=str(Path(config.ca_file).expanduser()) if config.ca_file else None)
    except (ssl.SSLError, OSError) as error:
        raise ConfigError(f"mqtt.ca_file: {config.ca_file} is no certificate in PEM form: {error}.") from None
    if config.cert_file:
        key = str(Path(config.key_file).expanduser()) if config.key_file else None
        try:
            # a key with a pass phrase would ask for it on a terminal that a daemon has not
            context.load_cert_chain(str(Path(config.cert_file).expanduser()), key, password=lambda: b"")
        except (ssl.SSLError, OSError) as error:
            raise ConfigError(
                f"mqtt.cert_file and mqtt.key_file do not make a pair without a pass phrase: {error}."
            ) from None
    return context
