"""The discovery message for Home Assistant."""

from __future__ import annotations

import json
from pathlib import Path

from mien.expression import LABELS
from mien.mqtt.discovery import DeviceInfo, discovery_payload


def test_discovery_matches_a_payload_that_home_assistant_accepted(shared: Path) -> None:
    """Every entity of a payload that a real Home Assistant accepted is there, with the same platform and keys."""
    accepted = json.loads((shared / "mqtt" / "ha_device_discovery_validated.json").read_text(encoding="utf-8"))
    device = DeviceInfo("8f3c2a91", "Mien", "Living room", "en", "1.0.0", "Raspberry Pi 4 Model B")
    payload = json.loads(discovery_payload(device, music=True))
    platforms = {component["uniq_id"]: component["p"] for component in payload["cmps"].values()}
    for key, component in accepted["cmps"].items():
        if key != "preview":  # a picture is never sent
            assert platforms[f"mien_8f3c2a91_{key}"] == component["p"]
    assert payload["dev"].keys() == accepted["dev"].keys()
    known = {key for component in accepted["cmps"].values() for key in component} | {"avty_mode"}
    assert {key for component in payload["cmps"].values() for key in component} <= known
    assert payload["cmps"]["expression"]["avty_mode"] == "all"


def test_learning_has_a_button_and_a_sensor() -> None:
    """The sensor's options are all the states there are, and its attributes none that Home Assistant drops."""
    device = DeviceInfo("a", "Mien", "", "de", "1", "")
    components = json.loads(discovery_payload(device, music=False))["cmps"]
    assert components["learn"]["cmd_t"] == "mien/a/learn/set"
    assert components["learn"]["name"] == "Gesicht anlernen"
    assert components["learning"]["ops"] == ["idle", *LABELS, "kept", "refused"]
    assert "'state'" not in components["learning"]["json_attr_tpl"]


def test_without_music_there_are_no_music_entities() -> None:
    """Where there is no music output, the discovery has none of its entities."""
    device = DeviceInfo("a", "Mien", "", "en", "1", "")
    assert not {"music", "skip", "playing"} & json.loads(discovery_payload(device, music=False))["cmps"].keys()
