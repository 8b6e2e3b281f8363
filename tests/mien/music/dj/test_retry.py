"""Delays after errors."""

from __future__ import annotations

import logging

import pytest

from mien.clock import Clock
from mien.music.dj.retry import RetryState
from mien.music.players.spotify.status import SpotifyState, Status

WALL = 1e9


def retry_state(draw: float = 0.0) -> RetryState:
    return RetryState(Clock(lambda: 0.0, lambda: WALL), lambda: draw)


@pytest.mark.parametrize(
    ("state", "first"), [(SpotifyState.NO_DEVICE, 5), (SpotifyState.OFFLINE, 15), (SpotifyState.RESTRICTED, 60)]
)
def test_delays_double_up_to_five_minutes(state: SpotifyState, first: float) -> None:
    """Each state has its own first delay, and the jitter shortens a delay by a fifth at most."""
    retry, jittered = retry_state(), retry_state(draw=1.0)
    delays = [retry.record_error(Status.of(state), 0.0) for _ in range(8)]
    assert delays == [min(300, first * 2**n) for n in range(8)]
    assert [jittered.record_error(Status.of(state), 0.0) for _ in range(8)] == pytest.approx([0.8 * d for d in delays])


def test_another_state_begins_with_its_first_delay() -> None:
    """Also the same one again, after a success."""
    retry = retry_state()
    states = [SpotifyState.OFFLINE, SpotifyState.OFFLINE, SpotifyState.NO_DEVICE, SpotifyState.OFFLINE]
    assert [retry.record_error(Status.of(state), 0.0) for state in states] == [15, 30, 5, 15]
    retry.record_success()
    assert retry.status.state == SpotifyState.READY
    assert retry.record_error(Status.of(SpotifyState.OFFLINE), 0.0) == 15


def test_a_status_with_an_end_is_waited_out() -> None:
    """As long as it lasts, however often it came before; one that is over costs a second."""
    retry = retry_state()
    assert retry.record_error(Status.of(SpotifyState.RATE_LIMITED, until=WALL + 3600), 100.0) == 3600
    assert retry.retry_at == 3700
    assert retry.record_error(Status.of(SpotifyState.RATE_LIMITED, until=WALL - 5), 100.0) == 1


def test_each_change_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """A state that stays the same is not logged again."""
    caplog.set_level(logging.WARNING, "mien.music")
    retry = retry_state()
    for _ in range(3):
        retry.record_error(Status.of(SpotifyState.OFFLINE), 0.0)
    retry.record_success()
    retry.record_success()
    assert len(caplog.records) == 2
