"""The check of the fake Spotify against the published description."""

from __future__ import annotations

import pytest

from tests.fakes.spotify_contract import ApiContract


@pytest.mark.usefixtures("shared")
def test_the_contract_reports_violations(contract: ApiContract | None) -> None:
    """What is removed, unknown, missing or of the wrong type is reported, in requests and in responses."""
    assert contract is not None
    request, response = contract.faults_of_request, contract.faults_of_response
    assert request("GET", "/me/player", {}, None) == []
    assert request("PUT", "/me/player/play", {"device_id": "x"}, {"uris": ["spotify:track:x"]}) == []
    for bad in (
        request("GET", "/recommendations", {"limit": "5"}, None),
        request("GET", "/me/player", {"colour": "red"}, None),
        request("POST", "/me/player/queue", {}, None),
        request("PUT", "/me/player/play", {}, {"uris": "spotify:track:x"}),
        request("PUT", "/me/player/play", {}, {"songs": []}),
        request("GET", "/nothing", {}, None),
        response("GET", "/me/player/devices", 200, {"devices": [{"volume_percent": "loud"}]}),
        response("GET", "/me/player", 200, {"is_playing": "yes"}),
        response("GET", "/me", 204, None),
    ):
        assert bad
