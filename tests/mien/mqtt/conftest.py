"""Fixtures and payloads for the tests of MQTT."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from mien.events import Mood
from mien.expression import Expression
from mien.mqtt import payloads
from tests.fakes.mosquitto import Broker, running_broker


@pytest.fixture
def state_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Use a state directory of the test's own, and no systemd credentials."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    return tmp_path / "state"


@pytest.fixture
def info_log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Capture the log from level INFO on."""
    caplog.set_level(logging.INFO)
    return caplog


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """Start a broker, and kill it after the test."""
    with running_broker(tmp_path) as started:
        yield started


def state_payload(seq: int, expression: Expression | None = Expression.HAPPY, run: str = "r") -> payloads.StatePayload:
    """Return the state after the mood change number `seq`."""
    probabilities = tuple(float(e == expression) for e in Expression)
    mood = Mood(expression, 1.0, probabilities, 1.0) if expression is not None else Mood(None, 0.0, (), 1.0)
    return payloads.to_state(mood, faces=1, since="2026-01-01T00:00:00Z", run=run, seq=seq)
