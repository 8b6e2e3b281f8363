"""The Spotify client of the commands, from the configuration and the saved login."""

from __future__ import annotations

from mien.config import SpotifyConfig
from mien.errors import ConfigError
from mien.music.players.spotify.client import SpotifyClient
from mien.music.players.spotify.rate_limit import PER_HOUR
from mien.music.players.spotify.store import TokenStore
from mien.state import state_directory


def open_client(config: SpotifyConfig, per_hour: int = PER_HOUR) -> SpotifyClient:
    """Return a client that makes at most so many requests an hour. Raises ConfigError without a client id."""
    if not config.client_id:
        raise ConfigError(
            "[spotify] client_id is missing: make an app at developer.spotify.com/dashboard, give it the redirect URI "
            f"http://127.0.0.1:{config.redirect_port}/callback, and put its client id into the configuration."
        )
    return SpotifyClient(config, TokenStore(state_directory()), per_hour=per_hour)
