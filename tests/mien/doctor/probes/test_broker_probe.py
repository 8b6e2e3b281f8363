"""The probe of the broker, on a real mosquitto."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mien.config import Config, MqttConfig
from mien.doctor.checks import broker_checks as checks
from mien.doctor.facts import BrokerFacts
from mien.doctor.probes.broker_probe import probe_broker
from mien.doctor.subject import Subject
from mien.mqtt.topics import Topics
from mien.service.mqtt_output import BIRTH_FILE
from tests.fakes.machine import FakeMachine
from tests.fakes.mosquitto import (
    PASSWORD,
    USER,
    Broker,
    Mqtt311Proxy,
    free_port,
    needs_broker,
    recording,
    retained_messages,
    running_broker,
)

pytestmark = needs_broker


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with running_broker(tmp_path) as started:
        yield started


def config(port: int, **values: object) -> MqttConfig:
    return MqttConfig(host="127.0.0.1", port=port, node="kitchen", **values)  # type: ignore[arg-type]


def states(facts: BrokerFacts) -> dict[str, str]:
    return {name: check.function(facts).state for name, check in checks.GROUP.checks.items()}


def test_a_broker_that_works(broker: Broker, caplog: pytest.LogCaptureFixture) -> None:
    """All is good but Home Assistant, of which nothing is known; no message stays, and nothing is logged."""
    with recording(broker.port) as recorder:
        facts = probe_broker(config(broker.port))
        recorder.fence()
        topics = [message.topic for message in recorder.messages]
    assert (facts.fault, facts.echoes) == ("", facts.expected)
    assert states(facts) == {"broker": "good", "login": "good", "rights": "good", "Home Assistant": "skipped"}
    assert topics == ["mien/kitchen/doctor", "homeassistant/device/mien_kitchen/doctor"]
    assert retained_messages(broker) == {}
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.parametrize(("payload", "state"), [(b"online", "good"), (b"offline", "advice")])
def test_home_assistant_is_seen(broker: Broker, payload: bytes, state: str) -> None:
    """By what it retains; the announced device is named."""
    with recording(broker) as recorder:
        recorder.publish("homeassistant/status", payload, retain=True)
        recorder.publish(Topics("kitchen").discovery, b"{}", retain=True)
        facts = probe_broker(config(broker.port))
    verdict = checks.check_home_assistant(facts)
    assert verdict.state == state
    assert ("node kitchen is announced" in verdict.sentence) == (state == "good")


def test_a_birth_message_that_the_daemon_received(broker: Broker, tmp_path: Path) -> None:
    """Is good news where the broker retains none; before the first one nothing is known."""
    subject = Subject(FakeMachine(tmp_path / "root"), Config(mqtt=config(broker.port)), state=tmp_path)
    assert checks.check_home_assistant(checks.gather(subject)).state == "skipped"
    (tmp_path / BIRTH_FILE).touch()
    os.utime(tmp_path / BIRTH_FILE, (1_795_000_000, 1_795_000_000))
    verdict = checks.check_home_assistant(checks.gather(subject))
    assert (verdict.state, "2026-11-1" in verdict.sentence) == ("good", True)


def test_a_wrong_password(tmp_path: Path) -> None:
    """Is the login's fault alone; the right one is the cure. A password file open to others is advice."""
    with running_broker(tmp_path, password=True) as broker:
        secret = tmp_path / "password"
        secret.write_text("wrong horse\n")
        secret.chmod(0o600)
        values = {"username": USER, "password_file": str(secret)}
        facts = probe_broker(config(broker.port, **values))
        assert states(facts)["broker"] == "good"
        verdict = checks.check_login(facts)
        assert (verdict.state, "mqtt.password_file" in verdict.cure) == ("bad", True)
        secret.write_text(PASSWORD)
        facts = probe_broker(config(broker.port, **values))
        assert states(facts) == {"broker": "good", "login": "good", "rights": "good", "Home Assistant": "skipped"}
        secret.chmod(0o644)
        verdict = checks.check_login(probe_broker(config(broker.port, **values)))
        assert (verdict.state, verdict.cure) == ("advice", f"chmod 600 {secret}")


@pytest.mark.parametrize(
    ("rules", "silent"),
    [
        ("topic readwrite mien/#\n", ["homeassistant/#"]),
        ("topic read mien/#\ntopic readwrite homeassistant/#\n", ["mien/#"]),
        ("topic write mien/#\ntopic readwrite homeassistant/#\n", ["mien/#"]),
        ("topic readwrite other/#\n", ["mien/#", "homeassistant/#"]),
        ("topic readwrite mien/#\ntopic readwrite homeassistant/#\n", []),
    ],
)
def test_access_rules_that_forbid(tmp_path: Path, rules: str, silent: list[str]) -> None:
    """To read or to write is named by its topics; what the cure asks for is enough."""
    with running_broker(tmp_path, rules=rules) as broker:
        facts = probe_broker(config(broker.port))
    verdict = checks.check_rights(facts)
    assert verdict.state == ("bad" if silent else "good")
    for root in ("mien/#", "homeassistant/#"):
        assert (f"topic readwrite {root}" in verdict.cure) == (root in silent)


def test_no_broker_and_a_silent_one() -> None:
    """Each is named within seconds, with what to start or check."""
    verdict = checks.check_broker(probe_broker(config(free_port())))
    assert verdict.state == "bad"
    assert "Connection refused" in verdict.sentence
    assert "systemctl start mosquitto" in verdict.cure
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        ticks = iter(range(10_000))
        facts = probe_broker(config(silent.getsockname()[1]), clock=lambda: float(next(ticks)))
        assert time.monotonic() - began < 10
    assert "sent nothing" in facts.fault


@pytest.mark.parametrize("refusal", ["connack", "close"])
def test_an_old_broker(broker: Broker, refusal: str) -> None:
    """Which speaks MQTT 3.1.1 only, is good."""
    proxy = Mqtt311Proxy(broker, refusal)
    try:
        facts = probe_broker(config(proxy.port))
        assert (facts.fault, sorted(facts.echoes)) == ("", sorted(facts.expected))
    finally:
        proxy.close()


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"password_file": "/nonexistent/file", "username": "a"}, "mqtt.password_file: /nonexistent/file cannot be"),
        ({"ca_file": "/nonexistent/ca"}, "mqtt.ca_file has no effect without TLS"),
    ],
)
def test_a_wrong_setup_is_named(values: dict[str, str], sentence: str) -> None:
    """Without any connection."""
    verdict = checks.check_broker(probe_broker(config(1, **values)))
    assert (verdict.state, sentence in verdict.sentence) == ("bad", True)
    assert "[mqtt]" in verdict.cure


def test_no_configured_broker_is_skipped() -> None:
    """All four checks need nothing."""
    facts = probe_broker(MqttConfig())
    assert checks.check_broker(facts).state == "skipped"
