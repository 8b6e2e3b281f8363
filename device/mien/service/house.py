"""`mien run` with all that is configured: the daemon, and the house that listens to it."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from mien import __version__
from mien.config import Config
from mien.controls import Controls
from mien.service import daemon
from mien.service.daemon import Output
from mien.state import replace_file, state_directory

if TYPE_CHECKING:  # paho is loaded only where a broker is configured
    from mien.mqtt.connection import ConnectionTiming
    from mien.mqtt.controls import MusicControls
    from mien.mqtt.node import Node
    from mien.mqtt.payloads import SettingsPayload
    from mien.service.music_output import MusicOutput

SETTINGS = "mqtt-settings.json"
"""In the state directory: what the house has set, so that a camera turned off stays off after a restart."""

_THERMAL = Path("/sys/class/thermal/thermal_zone0/temp")
_BOARD = Path("/proc/device-tree/model")

log = logging.getLogger(__name__)


def run(config: Config, outputs: list[Output], max_frames: int | None = None, music: MusicOutput | None = None) -> None:
    """Run the daemon, with MQTT where it is configured, and start the program anew if the house asks for it."""
    controls = Controls(config)
    with contextlib.ExitStack() as stack:
        if config.mqtt.host:
            from mien.service.music_controller import MusicController

            logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.INFO)
            switch = MusicController(music, on=True, intent=config.music.intent) if music is not None else None
            outputs = [*outputs, *([switch] if switch is not None else [])]
            outputs.append(stack.enter_context(listening(config, controls, switch)))
        elif music is not None:
            outputs = [*outputs, music]
        after = daemon.run(config, outputs, max_frames, controls, stay_up=bool(config.mqtt.host))
    if after == "restart":
        sys.stdout.flush()
        os.execv(sys.executable, sys.orig_argv)  # noqa: S606  # our own command line, unchanged


@contextmanager
def listening(
    config: Config, controls: Controls, music: MusicControls | None = None, timing: ConnectionTiming | None = None
) -> Iterator[Node]:
    """A Node that speaks while inside. Raises ConfigError."""
    from mien.mqtt import broker
    from mien.mqtt.discovery import DeviceInfo
    from mien.mqtt.node import MachineInfo, Node

    node, state = broker.node_of(config.mqtt), state_directory()
    way = broker.BrokerSettings.of(config.mqtt)
    with broker.lock(node, state):
        recall(state / SETTINGS, controls)
        device = DeviceInfo(node, config.mqtt.name, config.mqtt.area, config.mqtt.language, __version__, board())
        made = Node(
            device,
            way,
            identity=broker.identity(node, state),
            machine=MachineInfo(soc_temperature),
            controls=controls,
            music=music,
            timing=timing,
            remember=lambda settings: remember(state / SETTINGS, settings),
        )
        made.start()
        try:
            yield made
        finally:
            made.close()


def remember(path: Path, settings: SettingsPayload) -> None:
    """Write what the house has set; a full disk costs only the memory of it."""
    try:
        replace_file(path, msgspec.json.encode(settings))
    except OSError as error:
        log.warning("%s cannot be written (%s): the setting lasts until the next start only.", path, error.strerror)


def recall(path: Path, controls: Controls) -> None:
    """Set what the house had set, and say so."""
    from mien.mqtt.payloads import PayloadError, SettingsPayload, read

    try:
        settings = read(path.read_bytes(), SettingsPayload)
    except FileNotFoundError:
        return
    except (OSError, PayloadError) as error:
        log.warning("%s cannot be used (%s): the configuration's values are in force.", path, error)
        return
    controls.detection, controls.profile, controls.threshold = (
        settings.detection,
        settings.profile,
        settings.threshold,
    )
    log.info(
        "As set over MQTT: detection %s, profile %s, threshold %.2f (remove %s to forget that).",
        "on" if settings.detection else "off",
        settings.profile,
        settings.threshold,
        path,
    )


def soc_temperature() -> float | None:
    """Of the board's processor in degrees Celsius; None where the kernel does not tell."""
    try:
        return int(_THERMAL.read_text(encoding="ascii")) / 1000
    except (OSError, ValueError):
        return None


def board() -> str:
    """Such as "Raspberry Pi 4 Model B Rev 1.5"; empty where the kernel does not tell."""
    try:
        return _BOARD.read_text(encoding="ascii", errors="replace").strip("\0\n ")[:100]
    except OSError:
        return ""
