"""MQTT as an output: this machine's node, with the settings that clients made and that outlive a restart."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import msgspec

from mien import __version__
from mien.config import MqttConfig
from mien.controls import Controls
from mien.mqtt import broker
from mien.mqtt.commands import MusicControls
from mien.mqtt.connection import ConnectionTiming
from mien.mqtt.discovery import DeviceInfo
from mien.mqtt.node import MachineInfo, Node
from mien.mqtt.payloads import PayloadError, SettingsPayload, decode
from mien.service.board import board_model, soc_temperature
from mien.state import replace_file, state_directory

SETTINGS_FILE = "mqtt-settings.json"
"""In the state directory, so that a camera that was turned off stays off after a restart."""

BIRTH_FILE = "home-assistant-birth"
"""In the state directory, with the time of its last change for `mien doctor`: Home Assistant's birth message came."""

log = logging.getLogger(__name__)


@contextmanager
def open_mqtt_output(
    config: MqttConfig,
    controls: Controls,
    music: MusicControls | None = None,
    timing: ConnectionTiming | None = None,
) -> Iterator[Node]:
    """Yield this machine's node, connected while inside, with the saved settings restored. Raises ConfigError."""
    name, state = broker.node_name(config), state_directory()
    settings_file = state / SETTINGS_FILE
    access = broker.BrokerSettings.from_config(config)
    with broker.claim_lock(name, state):
        restore_settings(settings_file, controls)
        node = Node(
            DeviceInfo(name, config.name, config.area, config.language, __version__, board_model()),
            access,
            installation_id=broker.installation_id(name, state),
            machine=MachineInfo(soc_temperature),
            controls=controls,
            music=music,
            timing=timing,
            save=partial(save_settings, settings_file),
            on_birth=partial(save_birth, state / BIRTH_FILE),
        )
        with closing(node):
            node.start()
            yield node


def save_settings(path: Path, settings: SettingsPayload) -> None:
    """Write the settings that clients made; where that fails, log a warning: they last until the next start."""
    try:
        replace_file(path, msgspec.json.encode(settings))
    except OSError as error:
        log.warning("%s cannot be written (%s): the setting lasts until the next start only.", path, error.strerror)


def save_birth(path: Path) -> None:
    """Leave a file whose time is that of Home Assistant's last birth message; without room for it, do nothing."""
    with contextlib.suppress(OSError):
        path.touch(mode=0o600)


def restore_settings(path: Path, controls: Controls) -> None:
    """Apply the settings that clients made before the last stop; ignore a damaged file with a warning."""
    try:
        settings = decode(path.read_bytes(), SettingsPayload)
    except FileNotFoundError:
        return
    except (OSError, PayloadError) as error:
        log.warning("%s cannot be used (%s): the configuration's values are in force.", path, error)
        return
    controls.detection, controls.profile = settings.detection, settings.profile
    controls.threshold = settings.threshold
    log.info(
        "As set over MQTT: detection %s, profile %s, threshold %.2f (remove %s to undo that).",
        "on" if settings.detection else "off",
        settings.profile,
        settings.threshold,
        path,
    )
