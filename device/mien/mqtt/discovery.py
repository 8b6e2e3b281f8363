"""Home Assistant's device discovery. Pure.

The abbreviations are Home Assistant's own: https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from mien.config import INTENTS, PROFILES
from mien.controls import LEARNING_STATES
from mien.expression import LABELS
from mien.mqtt.commands import MOODS, THRESHOLD
from mien.mqtt.entity_names import entity_name
from mien.mqtt.topics import Topics

HEARTBEAT = 30.0
"""Seconds between two states or diagnostics with the same content."""

EXPIRY = 100
"""Seconds after which a value that is not refreshed is unavailable: a little more than three heartbeats."""

Component = dict[str, Any]


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """The machine as Home Assistant displays it. software, hardware: versions or models, for people."""

    node: str
    name: str
    area: str
    language: str
    software: str
    hardware: str


def discovery_payload(device: DeviceInfo, *, music: bool) -> bytes:
    """Return the retained message by which Home Assistant makes one device with all its entities."""
    topics = Topics(device.node)
    components = _moods(topics) | _controls(topics) | _diagnostics(topics) | (_music(topics) if music else {})
    for key, component in components.items():
        component["name"] = entity_name(key, device.language)
        component["uniq_id"] = f"mien_{device.node}_{key}"
        component["def_ent_id"] = f"{component['p']}.mien_{device.node}_{key}".replace("-", "_")
    device_info = {
        "ids": [f"mien_{device.node}"],
        "name": device.name,
        "mf": "mien",
        "mdl": "Expression sensor",
        "sw": device.software,
        "hw": device.hardware,
        "sa": device.area,
    }
    message = {
        "dev": {key: value for key, value in device_info.items() if value},
        "o": {"name": "mien", "sw": device.software},
        "avty": [_online(topics)],
        "qos": 1,
        "cmps": components,
    }
    return json.dumps(message, ensure_ascii=False).encode()


def _online(topics: Topics) -> Component:
    return {"t": topics.of("availability")}


def _current(topics: Topics) -> Component:
    """Return the availability of a mood's component: the machine is online and its camera is open."""
    camera_open = {"t": topics.of("camera"), "val_tpl": "{{ 'online' if value_json.state == 'open' else 'offline' }}"}
    return {"avty_mode": "all", "avty": [_online(topics), camera_open]}


def _moods(topics: Topics) -> dict[str, Component]:
    state: Component = {"stat_t": topics.of("state"), "exp_aft": EXPIRY} | _current(topics)
    measured: Component = state | {"p": "sensor", "stat_cla": "measurement"}
    return {
        "expression": state
        | {
            "p": "sensor",
            "dev_cla": "enum",
            "ops": list(LABELS),
            "val_tpl": "{{ value_json.expression }}",
            "json_attr_t": topics.of("state"),
            "json_attr_tpl": "{{ {'probabilities': value_json.probabilities, 'since': value_json.since} | tojson }}",
            "ic": "mdi:emoticon-outline",
        },
        "confidence": measured
        | {
            "unit_of_meas": "%",
            "sug_dsp_prc": 0,
            "val_tpl": "{{ (value_json.confidence * 100) | round(1) if value_json.expression else None }}",
            "ic": "mdi:gauge",
        },
        "face": state
        | {
            "p": "binary_sensor",
            "dev_cla": "occupancy",
            "val_tpl": "{{ 'ON' if value_json.faces > 0 else 'OFF' }}",
        },
        "mood": _current(topics)
        | {
            "p": "event",
            "evt_typ": [*LABELS, "absent"],
            "stat_t": topics.of("event"),
            "ic": "mdi:emoticon-happy-outline",
        },
        "valence": measured | {"val_tpl": _rounded("valence"), "sug_dsp_prc": 2, "ic": "mdi:emoticon-happy-outline"},
        "arousal": measured | {"val_tpl": _rounded("arousal"), "sug_dsp_prc": 2, "ic": "mdi:lightning-bolt-outline"},
    }


def _rounded(field: str) -> str:
    return f"{{{{ value_json.{field} | round(3) if value_json.{field} is not none else None }}}}"


def _controls(topics: Topics) -> dict[str, Component]:
    config: Component = {"ent_cat": "config", "stat_t": topics.of("settings")}
    return {
        "detection": {
            "p": "switch",
            "cmd_t": topics.command("detection"),
            "stat_t": topics.of("settings"),
            "val_tpl": "{{ 'ON' if value_json.detection else 'OFF' }}",
            "ic": "mdi:eye-outline",
        },
        "threshold": config
        | {
            "p": "number",
            "cmd_t": topics.command("threshold"),
            "val_tpl": "{{ (value_json.threshold * 100) | round | int }}",
            "min": THRESHOLD[0],
            "max": THRESHOLD[1],
            "step": 1,
            "unit_of_meas": "%",
            "ic": "mdi:tune",
        },
        "profile": config
        | {
            "p": "select",
            "cmd_t": topics.command("profile"),
            "val_tpl": "{{ value_json.profile }}",
            "ops": list(PROFILES),
            "ic": "mdi:speedometer",
        },
        "learn": {"p": "button", "cmd_t": topics.command("learn"), "ic": "mdi:account-plus-outline"},
        "learning": {
            "p": "sensor",
            "dev_cla": "enum",
            "ops": list(LEARNING_STATES),
            "stat_t": topics.of("learning"),
            "val_tpl": "{{ value_json.state }}",
            "json_attr_t": topics.of("learning"),
            "json_attr_tpl": "{{ {'person': value_json.person, 'detail': value_json.detail} | tojson }}",
            "ic": "mdi:account-school-outline",
        },
        "restart": {
            "p": "button",
            "ent_cat": "config",
            "dev_cla": "restart",
            "cmd_t": topics.command("restart"),
        },
    }


def _diagnostics(topics: Topics) -> dict[str, Component]:
    diag: Component = {"p": "sensor", "ent_cat": "diagnostic", "stat_t": topics.of("diag"), "exp_aft": EXPIRY}
    measured: Component = diag | {"stat_cla": "measurement"}
    return {
        "camera_problem": {
            "p": "binary_sensor",
            "ent_cat": "diagnostic",
            "dev_cla": "problem",
            "stat_t": topics.of("camera"),
            "val_tpl": "{{ 'ON' if value_json.state == 'fault' else 'OFF' }}",
            "json_attr_t": topics.of("camera"),
            "json_attr_tpl": "{{ {'state': value_json.state, 'detail': value_json.detail} | tojson }}",
        },
        "soc_temperature": measured
        | {"dev_cla": "temperature", "unit_of_meas": "°C", "val_tpl": "{{ value_json.soc_temperature }}"},
        "inference_time": measured
        | {"dev_cla": "duration", "unit_of_meas": "ms", "val_tpl": "{{ value_json.inference_ms }}"},
        "fps": measured | {"unit_of_meas": "fps", "val_tpl": "{{ value_json.fps }}", "ic": "mdi:filmstrip"},
        "version": diag | {"val_tpl": "{{ value_json.software }}", "ic": "mdi:tag-outline"},
    }


def _music(topics: Topics) -> dict[str, Component]:
    base: Component = {"stat_t": topics.of("music")}
    return {
        "music": base
        | {
            "p": "switch",
            "cmd_t": topics.command("music"),
            "val_tpl": "{{ 'ON' if value_json.on else 'OFF' }}",
            "ic": "mdi:music",
        },
        "intent": base
        | {
            "p": "select",
            "cmd_t": topics.command("intent"),
            "val_tpl": "{{ value_json.intent }}",
            "ops": list(INTENTS),
            "ic": "mdi:music-note-plus",
        },
        "manual_mood": base
        | {
            "p": "select",
            "cmd_t": topics.command("mood"),
            "val_tpl": "{{ value_json.mood }}",
            "ops": list(MOODS),
            "ic": "mdi:emoticon-cool-outline",
        },
        "skip": {"p": "button", "cmd_t": topics.command("skip"), "ic": "mdi:skip-next"},
        "playing": base
        | {
            "p": "sensor",
            "val_tpl": "{{ value_json.playing[:255] }}",
            "json_attr_t": topics.of("music"),
            "json_attr_tpl": "{{ {'state': value_json.state} | tojson }}",
            "ic": "mdi:playlist-music",
        },
        "why": base | {"p": "sensor", "val_tpl": "{{ value_json.why[:255] }}", "ic": "mdi:head-question-outline"},
    }
