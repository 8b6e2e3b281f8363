"""What systemd receives from the daemon, over a real socket."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from mien.service.notify import Notifier


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> socket.socket:
    """The receiving end of $NOTIFY_SOCKET, with a watchdog of 30 s."""
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    channel.bind(str(tmp_path / "notify"))
    channel.setblocking(False)
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    return channel


def received(channel: socket.socket) -> list[str]:
    messages = []
    while True:
        try:
            messages.append(channel.recv(4096).decode())
        except BlockingIOError:
            return messages


def test_states_reach_systemd(systemd: socket.socket) -> None:
    """Ready, status and stopping arrive as sd_notify's own messages."""
    notifier = Notifier()
    notifier.ready()
    notifier.status("mood: happy")
    notifier.stopping()
    assert received(systemd) == ["READY=1", "STATUS=mood: happy", "STOPPING=1"]
    systemd.close()


def test_the_watchdog_is_fed_at_a_third_of_its_time(systemd: socket.socket) -> None:
    """Frames feed it, but no more often than every ten of its thirty seconds."""
    times = iter((0.0, 1.0, 9.9, 10.0, 15.0, 20.1))
    notifier = Notifier(lambda: next(times))
    for _ in range(6):
        notifier.alive()
    assert received(systemd) == ["WATCHDOG=1"] * 3
    systemd.close()


def test_a_dead_output_lets_the_watchdog_bite(systemd: socket.socket) -> None:
    """Frames alone do not feed it: an output whose thread has died is not hidden."""
    healthy_output = [True]
    times = iter((0.0, 10.0, 20.0, 30.0))
    notifier = Notifier(lambda: next(times), healthy=lambda: healthy_output[0])
    notifier.alive()
    healthy_output[0] = False
    notifier.alive()
    notifier.alive()
    assert received(systemd) == ["WATCHDOG=1"]
    systemd.close()


def test_without_systemd_nothing_is_sent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No socket, or one without a reader, is not an error."""
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    Notifier().ready()
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "no-reader"))
    Notifier().ready()
