"""The names of entities in Home Assistant."""

from __future__ import annotations

import json

from mien.mqtt.discovery import DeviceInfo, discovery_payload
from mien.mqtt.entity_names import LANGUAGES, NAMES


def test_every_entity_has_a_name_in_every_language() -> None:
    """In each of five languages no name is missing or used twice, and the ids are the same in all."""
    ids = set()
    for language in LANGUAGES:
        device = DeviceInfo("a", "Mien", "", language, "1", "")
        components = json.loads(discovery_payload(device, music=True))["cmps"]
        names = [component["name"] for component in components.values()]
        assert all(names)
        assert len(set(names)) == len(names) == len(NAMES)
        ids.add(json.dumps(sorted(component["uniq_id"] for component in components.values())))
    assert len(ids) == 1
