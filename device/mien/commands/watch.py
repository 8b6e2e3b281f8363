"""`mien watch`: every node of a broker, live in the terminal."""

from __future__ import annotations

import json
import shutil
import sys
import time
from dataclasses import dataclass
from typing import TextIO

from mien.config import MqttConfig
from mien.mqtt import payloads
from mien.mqtt.broker import BrokerSettings
from mien.mqtt.subscriber import Subscriber
from mien.mqtt.topics import parse_topic
from mien.service.signals import stop_signals

MOST = 10_000
"""Nodes; a broker full of nonsense must not fill this machine's memory."""

_REDRAW = 0.25  # seconds between two pictures at least
_HEAD = f"{'node':<24} {'state':<10} {'mood':<10} {'sure':>5} {'faces':>5} {'val':>6} {'aro':>6} {'fps':>5} {'temp':>5}"


@dataclass(slots=True)
class NodeView:
    """What one node has said of itself."""

    online: bool = False
    camera: str = "-"
    state: payloads.StatePayload | None = None
    diag: payloads.DiagPayload | None = None

    def hear(self, name: str, payload: bytes) -> bool:
        """Take in a payload; whether it says something new. Raises PayloadError."""
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
        """The state, where it may be shown as current."""
        return self.state if self.online and self.camera == "open" else None

    def condition(self) -> str:
        """One word for how the node is."""
        return self.camera if self.online else "offline"


def watch(config: MqttConfig, *, as_json: bool, file: TextIO | None = None) -> None:
    """Until SIGTERM or SIGINT. A table that redraws itself on a terminal, else a line for each change.

    Raises ConfigError, and RemoteError where the broker refuses.
    """
    listening = Subscriber(
        BrokerSettings.from_config(config), ["mien/+/availability", "mien/+/camera", "mien/+/state", "mien/+/diag"]
    )
    nodes: dict[str, NodeView] = {}
    file = file or sys.stdout
    table = file.isatty() and not as_json
    listening.connection.start()
    try:
        listening.wait_until_connected(20)
        with stop_signals() as stopped:
            drawn, fresh = 0.0, True
            while not stopped():
                heard = listening.receive(_REDRAW)
                place = parse_topic(heard.topic) if heard is not None else None
                if heard is not None and place is not None and (len(nodes) < MOST or place[0] in nodes):
                    try:
                        changed = nodes.setdefault(place[0], NodeView()).hear(place[1], heard.payload)
                    except payloads.PayloadError:
                        continue  # a foreign payload under our topics is none of a watcher's business
                    fresh = fresh or changed
                    if changed and not table and place[1] != "diag":
                        print(line(place[0], nodes[place[0]], as_json=as_json), file=file, flush=True)
                if table and fresh and time.monotonic() - drawn > _REDRAW:
                    drawn, fresh = time.monotonic(), False
                    print(picture(nodes, shutil.get_terminal_size()), end="", file=file, flush=True)
    finally:
        listening.connection.stop()


def picture(nodes: dict[str, NodeView], size: tuple[int, int]) -> str:
    """The whole screen."""
    columns, rows = size
    lines = [f"nodes: {len(nodes)}, online: {sum(seen.online for seen in nodes.values())}. Ctrl-C ends.", _HEAD]
    lines += [row(name, seen) for name, seen in sorted(nodes.items())]
    if len(lines) > rows - 1:
        lines = [*lines[: rows - 2], f"... and {len(lines) - rows + 2} more"]
    return "\x1b[H" + "".join(f"{text[:columns]}\x1b[K\n" for text in lines) + "\x1b[J"


def row(name: str, seen: NodeView) -> str:
    """One line of the table."""
    state, diag = seen.current(), seen.diag if seen.online else None
    cells = [f"{name:<24}", f"{seen.condition():<10}"]
    if state is None:
        cells += [f"{'-':<10}", f"{'-':>5}", f"{'-':>5}", f"{'-':>6}", f"{'-':>6}"]
    else:
        cells += [f"{state.expression or 'nobody':<10}", f"{state.confidence:>5.0%}", f"{state.faces:>5}"]
        cells += [f"{state.valence or 0:>6.2f}", f"{state.arousal or 0:>6.2f}"]
    cells.append(f"{diag.fps:>5.1f}" if diag is not None and diag.fps is not None else f"{'-':>5}")
    warm = diag is not None and diag.soc_temperature is not None
    cells.append(f"{diag.soc_temperature:>5.0f}" if warm and diag is not None else f"{'-':>5}")
    return " ".join(cells)


def line(name: str, seen: NodeView, *, as_json: bool) -> str:
    """One change."""
    state = seen.current()
    if as_json:
        said = None if state is None else json.loads(payloads.encode(state))
        return json.dumps({"node": name, "condition": seen.condition(), "state": said}, ensure_ascii=False)
    mood = "" if state is None else f" {state.expression or 'nobody'} ({state.confidence:.0%})"
    return f"{name}: {seen.condition()}{mood}"
