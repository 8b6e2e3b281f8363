"""Access to the broker: configuration, password, TLS, names and locks."""

from __future__ import annotations

import logging
import re
import ssl
import tomllib
from pathlib import Path

import msgspec
import pytest

from mien.config import Config, MqttConfig
from mien.config_file import example, parse
from mien.errors import ConfigError
from mien.mqtt.broker import BrokerSettings, claim_lock, node_name
from tests.fakes.mosquitto import create_certificates


def test_section_without_a_host_is_an_error() -> None:
    """[mqtt] without host would silently do nothing, so it is an error of the file."""
    _, faults = parse({"mqtt": {"node": "kitchen"}})
    assert len(faults) == 1
    assert "mqtt.host" in faults[0]
    _, faults = parse({"mqtt": {"host": "b", "node": "Not Good", "port": 70000, "usrname": "x"}})
    assert len(faults) == 3
    assert "did you mean username" in " ".join(faults)
    assert not Config().mqtt.host
    assert parse({"mqtt": {}}) == (Config(), [])  # a heading alone sets nothing


def test_the_example_is_the_defaults_with_and_without_its_comments() -> None:
    """No key of it is in force, so that defaults of later versions are; each is valid once its # is removed."""
    assert [keys for keys in tomllib.loads(example()).values() if keys] == []
    assert parse(tomllib.loads(example())) == (Config(), [])
    keys = tomllib.loads(re.sub(r"(?m)^#(?! )", "", example()))
    assert {name: set(section) for name, section in keys.items()} == {
        section.name: {field.name for field in msgspec.structs.fields(type(section.default))}
        for section in msgspec.structs.fields(Config)
    }
    assert parse(keys | {"mqtt": keys["mqtt"] | {"host": "b"}})[1] == []


def test_password_is_read_from_a_file_and_never_shown(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The one line of a file is the password; no repr or log contains it, and a readable file causes a warning."""
    file = tmp_path / "password"
    file.write_text("s3cret pass\n")
    file.chmod(0o600)
    settings = BrokerSettings.from_config(MqttConfig(host="localhost", username="u", password_file=str(file)))
    assert settings.password == "s3cret pass"
    assert "s3cret" not in repr(settings)
    assert not caplog.records
    file.chmod(0o644)
    BrokerSettings.from_config(MqttConfig(host="broker.lan", username="u", password_file=str(file)))
    assert "chmod 600" in caplog.text
    assert "in clear" in caplog.text
    assert "s3cret" not in caplog.text


def test_password_is_read_from_a_systemd_credential(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A credential named mqtt-password is used without a key in the configuration."""
    (tmp_path / "mqtt-password").write_text("from systemd")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert BrokerSettings.from_config(MqttConfig(host="localhost", username="u")).password == "from systemd"


def test_access_errors_name_the_key(tmp_path: Path) -> None:
    """Each mistake with passwords and certificates raises a ConfigError that names the key."""
    file = tmp_path / "file"
    file.write_bytes(b"")
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\n\n")
    for wrong, word in (
        (MqttConfig(), "[mqtt]"),
        (MqttConfig(host="h", username="u", password_file=str(file)), "one line"),
        (MqttConfig(host="h", username="u", password_file=str(binary)), "UTF-8"),
        (MqttConfig(host="h", username="u", password_file=str(tmp_path / "none")), "cannot be read"),
        (MqttConfig(host="h", username="u", password_file="/dev/null"), "not a file"),
        (MqttConfig(host="h", ca_file="ca.pem"), "tls = true"),
        (MqttConfig(host="h", tls=True, ca_file=str(file)), "mqtt.ca_file"),
        (MqttConfig(host="h", tls=True, ca_file=str(tmp_path / "none")), "mqtt.ca_file"),
        (MqttConfig(host="h", tls=True, key_file=str(file)), "mqtt.cert_file"),
        (MqttConfig(host="h", tls=True, cert_file=str(binary)), "mqtt.cert_file"),
    ):
        with pytest.raises(ConfigError) as raised:
            BrokerSettings.from_config(wrong)
        assert word in str(raised.value)


def test_tls_verifies_the_certificate_and_the_name(tmp_path: Path) -> None:
    """The certificate and the host name are verified, and no key turns that off."""
    create_certificates(tmp_path)
    settings = BrokerSettings.from_config(MqttConfig(host="h", tls=True, ca_file=str(tmp_path / "ca.pem")))
    assert settings.tls is not None
    assert settings.port == 8883
    assert settings.tls.verify_mode is ssl.CERT_REQUIRED
    assert settings.tls.check_hostname
    assert not [name for name in MqttConfig.__struct_fields__ if "insecure" in name or "verify" in name]


def test_one_installation_uses_a_node_name_once(tmp_path: Path) -> None:
    """A second process with the same node and state directory is refused while the first holds the lock."""
    with (
        claim_lock("kitchen", tmp_path),
        claim_lock("hall", tmp_path),
        pytest.raises(ConfigError, match="kitchen"),
        claim_lock("kitchen", tmp_path),
    ):
        pass
    with claim_lock("kitchen", tmp_path):
        pass


def test_node_name_defaults_to_the_host_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host name is made fit for topics; one that leaves nothing raises ConfigError."""
    monkeypatch.setattr("platform.node", lambda: "Wohn_Zimmer Pi.local")
    assert node_name(MqttConfig()) == "wohn_zimmer-pi"
    monkeypatch.setattr("platform.node", lambda: "...")
    with pytest.raises(ConfigError, match=r"mqtt\.node"):
        node_name(MqttConfig())


def test_a_local_broker_causes_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    """A password that never leaves the machine may be sent in clear."""
    with caplog.at_level(logging.WARNING):
        for host in ("localhost", "127.0.0.1", "::1"):
            BrokerSettings.from_config(MqttConfig(host=host, username="u"))
    assert not caplog.records
