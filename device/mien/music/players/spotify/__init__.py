"""Spotify Connect: the Web API's client, its login, limits and status."""
