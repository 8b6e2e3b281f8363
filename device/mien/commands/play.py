"""`mien play`: the outputs, fed with moods that arrive over MQTT instead of from a camera."""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO

from mien.config import MqttConfig
from mien.errors import UsageError
from mien.events import CameraEvent
from mien.mqtt.broker import BrokerSettings
from mien.mqtt.combined import CombinedMood, MoodChange, NodeTracker
from mien.mqtt.payloads import PayloadError
from mien.mqtt.subscriber import Subscriber
from mien.mqtt.topics import NODE_PATTERN, Topics, parse_topic
from mien.service.lines import as_object, in_words
from mien.service.notify import Notifier
from mien.service.signals import stop_signals
from mien.text import quoted

if TYPE_CHECKING:  # the daemon loads what looks at pictures
    from mien.service.daemon import Output

Rooms = dict[str, str]
"""From node to the room it stands in."""

log = logging.getLogger(__name__)


def rooms_of(words: list[str]) -> Rooms:
    """From ROOM=NODE or ROOM=NODE,NODE. Raises UsageError."""
    rooms: Rooms = {}
    for word in words:
        room, _, nodes = word.partition("=")
        for node in nodes.split(","):
            if not room.strip() or not re.match(NODE_PATTERN, node):
                raise UsageError(f"--room {word}: write ROOM=NODE, NODE being the mqtt.node of a camera.")
            if rooms.setdefault(node, room.strip()) != room.strip():
                raise UsageError(f"--room {word}: node {node} is already in room {rooms[node]}.")
    return rooms


class RoomLines:
    """Each room's moods as lines: JSON for programs, words for people."""

    def __init__(self, rooms: Rooms, *, as_json: bool, file: TextIO | None = None) -> None:
        self._rooms, self._json, self._file = rooms, as_json, file or sys.stdout

    def tell(self, change: MoodChange, at: float) -> None:
        """Write a line, now."""
        event = change.mood or CameraEvent("fault", change.reason, at)
        room = self._rooms[change.node]
        if self._json:
            line = json.dumps(as_object(event) | {"room": room, "node": change.node}, ensure_ascii=False)
        else:
            line = f"{room} ({change.node}): {in_words(event)}"
        print(line, file=self._file, flush=True)


def play(
    config: MqttConfig,
    rooms: Rooms,
    lines: RoomLines,
    outputs: list[Output],
    *,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Listen until SIGTERM or SIGINT. The broker may come later and go again. Raises ConfigError."""
    patterns = [Topics(node).of(name) for node in rooms for name in ("availability", "camera", "state", "event")]
    listening = Subscriber(BrokerSettings.from_config(config), patterns)
    nodes, house = NodeTracker(list(rooms)), CombinedMood()
    notifier = Notifier(healthy=lambda: listening.connection.alive() and all(output.alive() for output in outputs))
    refused: set[str] = set()
    listening.connection.start()
    notifier.ready()
    try:
        with stop_signals() as stopped:
            while not stopped():
                notifier.alive()
                heard = listening.receive(0.5)
                place = parse_topic(heard.topic) if heard is not None else None
                if heard is None or place is None:
                    continue
                try:
                    changes = nodes.on_message(*place, heard.payload)
                except PayloadError as error:
                    if len(refused) < 1000 and heard.topic not in refused:
                        refused.add(heard.topic)
                        log.warning("What is said under %s is not understood: %s.", heard.topic, quoted(str(error)))
                    continue
                for change in changes:
                    now = clock()
                    lines.tell(change, now)
                    mood = house.update(change, now)
                    if mood is not None:
                        for output in outputs:
                            output.handle(mood)
        notifier.stopping()
    finally:
        listening.connection.stop()
        log.info("%d mood changes had been merged on their way, %d messages dropped.", nodes.merged, listening.dropped)
