"""Access to the broker (address, password, certificates), and the identity of this machine."""

from __future__ import annotations

import contextlib
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
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mien.config import MqttConfig
from mien.errors import ConfigError
from mien.mqtt.topics import NODE_PATTERN
from mien.state import locked
from mien.text import text_file

CREDENTIAL = "mqtt-password"
"""The name of the systemd credential: LoadCredential=mqtt-password:FILE."""

_MAX_PASSWORD = 4096  # bytes

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """A broker's address, and the login and TLS context that it requires."""

    host: str
    port: int
    username: str = ""
    password: str = field(default="", repr=False)
    tls: ssl.SSLContext | None = None

    @property
    def address(self) -> str:
        """HOST:PORT, for log lines."""
        return f"{self.host}:{self.port}"

    @classmethod
    def from_config(cls, config: MqttConfig) -> BrokerSettings:
        """Return the configured settings; log a warning if the password is sent in clear. Raises ConfigError."""
        if not config.host:
            raise ConfigError("No broker is configured: add [mqtt] with host = the broker's name to the configuration.")
        password = _password(config)
        if password and not config.username:
            raise ConfigError("mqtt.password_file has no effect without mqtt.username: add it.")
        if config.username and not config.tls and not is_local(config.host):
            log.warning("The MQTT password is sent to %s in clear, readable on the way: set tls = true.", config.host)
        return cls(config.host, config.port or (8883 if config.tls else 1883), config.username, password, _tls(config))


def is_local(host: str) -> bool:
    """Return whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def node_name(config: MqttConfig) -> str:
    """Return the configured node, else one made of the host name. Raises ConfigError where that leaves nothing."""
    name = config.node or re.sub(r"[^a-z0-9_-]+", "-", platform.node().split(".")[0].lower()).strip("-_")[:32]
    if not re.match(NODE_PATTERN, name):
        raise ConfigError("This machine's host name cannot serve as a node name: set mqtt.node.")
    return name


def installation_id(node: str, state: Path) -> str:
    """Return twelve hexadecimal digits: the same after each restart, and different on another machine.

    No file holds them, so two machines with copies of one SD card have different ids.
    """
    return hashlib.sha256(f"{uuid.getnode()}:{platform.node()}:{state}:{node}".encode()).hexdigest()[:12]


@contextlib.contextmanager
def claim_lock(node: str, state: Path) -> Iterator[None]:
    """Hold the node's name among the processes that share a state directory. Raises ConfigError if another holds it."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(locked(state / f"mqtt-{node}.lock"))
        except TimeoutError:
            raise ConfigError(
                f"Another mien on this machine already uses the node name {node!r}: stop it (systemctl stop mien), "
                "or set another mqtt.node."
            ) from None
        yield


def host_name() -> str:
    """Return the host name, by which people distinguish machines; at most 100 characters."""
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
            text = file.read(_MAX_PASSWORD + 1)
        password = text_file.decode(text).rstrip("\r\n")
    except OSError as error:
        raise ConfigError(f"{setting}: {path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise ConfigError(f"{setting}: {path} {error}.") from None
    if not password or len(text) > _MAX_PASSWORD or "\n" in password:
        raise ConfigError(f"{setting}: {path} must hold one line, the password.")
    return password


def _tls(config: MqttConfig) -> ssl.SSLContext | None:
    files = {"ca_file": config.ca_file, "cert_file": config.cert_file, "key_file": config.key_file}
    if not config.tls:
        if without_effect := [f"mqtt.{name}" for name, file in files.items() if file]:
            raise ConfigError(f"{without_effect[0]} has no effect without TLS: set tls = true in [mqtt].")
        return None
    if config.key_file and not config.cert_file:
        raise ConfigError("mqtt.key_file has no effect without mqtt.cert_file: add it.")
    for name, file in files.items():
        if file and not os.access(Path(file).expanduser(), os.R_OK):
            raise ConfigError(f"mqtt.{name}: {file} does not exist, or this user may not read it.")
    try:
        context = ssl.create_default_context(cafile=str(Path(config.ca_file).expanduser()) if config.ca_file else None)
    except (ssl.SSLError, OSError) as error:
        raise ConfigError(f"mqtt.ca_file: {config.ca_file} is not a certificate in PEM format: {error}.") from None
    if config.cert_file:
        key = str(Path(config.key_file).expanduser()) if config.key_file else None
        try:
            # otherwise OpenSSL would prompt for a passphrase, on a terminal that a daemon does not have
            context.load_cert_chain(str(Path(config.cert_file).expanduser()), key, password=lambda: b"")
        except (ssl.SSLError, OSError) as error:
            raise ConfigError(
                f"mqtt.cert_file and mqtt.key_file are not a pair without a passphrase: {error}."
            ) from None
    return context
