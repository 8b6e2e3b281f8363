"""`mien watch`: every node of a broker, live in the terminal."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from dataclasses import dataclass
from typing import TextIO

from mien.commands.arguments import add_config
from mien.config import MqttConfig
from mien.config_file import load_effective
from mien.mqtt import payloads
from mien.mqtt.broker import BrokerSettings
from mien.mqtt.subscriber import Subscriber
from mien.mqtt.topics import parse_topic
from mien.service.signals import stop_signals

MAX_NODES = 10_000
"""A broker full of invalid topics must not fill this machine's memory."""

_PATTERNS = ("mien/+/availability", "mien/+/camera", "mien/+/state", "mien/+/diag")
_CONNECT_TIMEOUT = 20.0  # seconds
_REDRAW_INTERVAL = 0.25  # seconds between two drawings at least
_HEADING = (
    f"{'node':<24} {'state':<10} {'mood':<10} {'sure':>5} {'faces':>5} {'val':>6} {'aro':>6} {'fps':>5} {'temp':>5}"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `mien watch`."""
    add_config(parser)
    parser.add_argument("--json", action="store_true", help="print a JSON line for each change")


def run(arguments: argparse.Namespace) -> None:
    """Show the nodes until the command is stopped."""
    watch(load_effective(arguments.config).mqtt, as_json=arguments.json)


@dataclass(slots=True)
class NodeView:
    """What one node has published."""

    online: bool = False
    camera: str = "-"
    state: payloads.StatePayload | None = None
    diag: payloads.DiagPayload | None = None

    def update(self, name: str, payload: bytes) -> bool:
        """Take a payload; return whether it changes anything. Raises PayloadError."""
        before = (self.online, self.camera, self.state, self.diag)
        if name == "availability":
            self.online = payload == b"online"
        elif name == "camera":
            self.camera = payloads.decode(payload, payloads.CameraPayload).state
        elif name == "state":
            self.state = payloads.decode(payload, payloads.StatePayload)
        elif name == "diag":
            self.diag = payloads.decode(payload, payloads.DiagPayload)
        return before != (self.online, self.camera, self.state, self.diag)

    def current(self) -> payloads.StatePayload | None:
        """Return the state, where it may be shown as current."""
        return self.state if self.online and self.camera == "open" else None

    def condition(self) -> str:
        """Return "offline", or the state of the node's camera."""
        return self.camera if self.online else "offline"


class NodeTable:
    """The nodes of a broker, by name."""

    def __init__(self) -> None:
        self.nodes: dict[str, NodeView] = {}

    def update(self, topic: str, payload: bytes) -> tuple[str, str] | None:
        """Take a message; return the node and the name of its topic where it changes something.

        Foreign topics and invalid payloads are ignored.
        """
        place = parse_topic(topic)
        if place is None or (len(self.nodes) >= MAX_NODES and place[0] not in self.nodes):
            return None
        try:
            changed = self.nodes.setdefault(place[0], NodeView()).update(place[1], payload)
        except payloads.PayloadError:
            return None
        return place if changed else None


def watch(config: MqttConfig, *, as_json: bool, file: TextIO | None = None) -> None:
    """Draw a table that redraws itself on a terminal, else print a line for each change, until SIGTERM or SIGINT.

    Raises ConfigError, and RemoteError where the broker refuses.
    """
    file = file or sys.stdout
    draws_table = file.isatty() and not as_json
    table = NodeTable()
    with Subscriber(BrokerSettings.from_config(config), list(_PATTERNS)) as subscriber:
        subscriber.wait_until_connected(_CONNECT_TIMEOUT)
        with stop_signals() as stopped:
            drawn_at, stale = 0.0, True
            while not stopped():
                message = subscriber.receive(_REDRAW_INTERVAL)
                change = table.update(message.topic, message.payload) if message is not None else None
                stale = stale or change is not None
                if change is not None and not draws_table and change[1] != "diag":
                    print(format_change(change[0], table.nodes[change[0]], as_json=as_json), file=file, flush=True)
                if draws_table and stale and time.monotonic() - drawn_at > _REDRAW_INTERVAL:
                    drawn_at, stale = time.monotonic(), False
                    print(draw_table(table.nodes, shutil.get_terminal_size()), end="", file=file, flush=True)


def draw_table(nodes: dict[str, NodeView], size: tuple[int, int]) -> str:
    """Return the whole screen with its control sequences. size: columns and rows of the terminal."""
    columns, rows = size
    online = sum(view.online for view in nodes.values())
    lines = [f"nodes: {len(nodes)}, online: {online}. Ctrl-C ends.", _HEADING]
    lines += [format_row(name, view) for name, view in sorted(nodes.items())]
    if len(lines) > rows - 1:
        lines = [*lines[: rows - 2], f"... and {len(lines) - rows + 2} more"]
    return "\x1b[H" + "".join(f"{text[:columns]}\x1b[K\n" for text in lines) + "\x1b[J"


def format_row(name: str, view: NodeView) -> str:
    """Return one line of the table."""
    state, diag = view.current(), view.diag if view.online else None
    cells = [f"{name:<24}", f"{view.condition():<10}"]
    if state is None:
        cells += [f"{'-':<10}", f"{'-':>5}", f"{'-':>5}", f"{'-':>6}", f"{'-':>6}"]
    else:
        cells += [f"{state.expression or 'no face':<10}", f"{state.confidence:>5.0%}", f"{state.faces:>5}"]
        cells += [f"{state.valence or 0:>6.2f}", f"{state.arousal or 0:>6.2f}"]
    fps = diag.fps if diag is not None else None
    temperature = diag.soc_temperature if diag is not None else None
    cells.append(f"{'-':>5}" if fps is None else f"{fps:>5.1f}")
    cells.append(f"{'-':>5}" if temperature is None else f"{temperature:>5.0f}")
    return " ".join(cells)


def format_change(name: str, view: NodeView, *, as_json: bool) -> str:
    """Return one line for a change of a node."""
    state = view.current()
    if as_json:
        fields = None if state is None else json.loads(payloads.encode(state))
        return json.dumps({"node": name, "condition": view.condition(), "state": fields}, ensure_ascii=False)
    mood = "" if state is None else f" {state.expression or 'no face'} ({state.confidence:.0%})"
    return f"{name}: {view.condition()}{mood}"
