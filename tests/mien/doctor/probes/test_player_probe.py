"""The probe of the player, against the fake Spotify."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from mien.config import Config, MusicConfig, SpotifyConfig
from mien.config_file import load
from mien.doctor.checks import player_checks as checks
from mien.doctor.facts import PlayerFacts
from mien.doctor.probes.player_probe import probe_player
from mien.music.players.spotify.status import SpotifyState, Status
from mien.music.players.spotify.store import StoredStatus, TokenStore
from tests.fakes.spotify_server import SpotifyServer

States = dict[str, str]


def configured(path: Path, device: str = "") -> Config:
    """The configuration of a file, with music on."""
    config = load(path)
    spotify = msgspec.structs.replace(config.spotify, device=device)
    return msgspec.structs.replace(config, music=MusicConfig(enabled=True), spotify=spotify)


def probe(path: Path, device: str = "") -> PlayerFacts:
    return probe_player(configured(path, device), path.parent / "state")


def states(facts: PlayerFacts) -> States:
    return {name: check.function(facts).state for name, check in checks.GROUP.checks.items()}


def test_all_is_well(logged_in: Path, server: SpotifyServer) -> None:
    """With three requests at most; a device is accepted by its name and its id, and the user's name is not repeated."""
    before = len(server.spotify.requests)
    for device in ("", "Kitchen", "speaker1"):
        facts = probe(logged_in, device)
        assert states(facts) == {"player": "good", "consent": "good", "player device": "good"}
    assert len(server.spotify.requests) - before <= 9
    assert "181 days" in checks.check_consent(facts).sentence
    assert "Ada" not in "".join(check.function(facts).sentence for check in checks.GROUP.checks.values())


def test_music_that_is_off_is_skipped(spotify_config: Path, server: SpotifyServer) -> None:
    """Without a request."""
    facts = probe_player(Config(spotify=SpotifyConfig(client_id="0123456789")), spotify_config.parent)
    assert checks.check_player(facts).state == "skipped"
    assert server.spotify.requests == []


def test_without_a_login_the_cure_is_to_log_in(spotify_config: Path) -> None:
    """By name."""
    verdict = checks.check_player(probe(spotify_config))
    assert (verdict.state, verdict.cure) == ("bad", "mien spotify login")


@pytest.mark.parametrize(
    ("break_it", "state", "sentence", "cure"),
    [
        (lambda spotify: setattr(spotify, "registered", False), "bad", "not registered", "User Management"),
        (lambda spotify: setattr(spotify, "fault", "500"), "bad", "cannot be reached", "network"),
        (lambda spotify: setattr(spotify, "fault", "429:3600"), "advice", "rate limit", "wait"),
        (lambda spotify: setattr(spotify, "fault", "html"), "bad", "cannot be reached", "network"),
    ],
)
def test_what_spotify_refuses_is_named(
    logged_in: Path, server: SpotifyServer, break_it: Callable[[object], None], state: str, sentence: str, cure: str
) -> None:
    """With its own cure."""
    break_it(server.spotify)
    verdict = checks.check_player(probe(logged_in))
    assert verdict.state == state
    assert sentence in verdict.sentence
    assert cure in verdict.cure


def test_a_consent_that_ends_soon(logged_in: Path) -> None:
    """Is advice to log in again while the music still plays."""
    store = TokenStore(logged_in.parent / "state")
    token = store.token()
    assert token is not None
    store.save_token(msgspec.structs.replace(token, consented_at=time.time() - 175 * 86400))
    facts = probe(logged_in)
    assert states(facts)["player"] == "good"
    verdict = checks.check_consent(facts)
    assert (verdict.state, verdict.cure) == ("advice", "mien spotify login")
    assert "6 days" in verdict.sentence or "7 days" in verdict.sentence


def test_a_device_that_is_off(logged_in: Path, server: SpotifyServer) -> None:
    """Is named with those that are there; without any, with how to get one."""
    verdict = checks.check_player_device(probe(logged_in, "Bedroom"))
    assert (verdict.state, "Bedroom (there: Kitchen)" in verdict.sentence) == ("advice", True)
    server.spotify.devices.clear()
    verdict = checks.check_player_device(probe(logged_in))
    assert (verdict.state, "raspotify" in verdict.cure) == ("advice", True)


def test_no_premium_is_remembered(logged_in: Path) -> None:
    """Since reading does not show it."""
    status = Status.of(SpotifyState.NO_PREMIUM)
    store = TokenStore(logged_in.parent / "state")
    store.save_status(StoredStatus(status.state, time.time(), None, status.sentence))
    verdict = checks.check_player(probe(logged_in))
    assert (verdict.state, "Premium" in verdict.cure) == ("bad", True)


def test_a_token_that_cannot_be_read(logged_in: Path) -> None:
    """Belongs to another user."""
    path = logged_in.parent / "state" / "spotify-token.json"
    path.unlink()
    path.mkdir()
    verdict = checks.check_player(probe(logged_in))
    assert (verdict.state, "as the user who logged in" in verdict.cure) == ("bad", True)
