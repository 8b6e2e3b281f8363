"""`mien play`: music without a camera, to a given mood or to moods that other machines publish over MQTT."""

from __future__ import annotations

import argparse
import json
import logging
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

import msgspec

from mien.commands.arguments import add_config
from mien.config import INTENTS, Config, Intent, MqttConfig
from mien.config_file import load_effective
from mien.errors import ConfigError, UsageError
from mien.events import CameraEvent, Mood, one_hot
from mien.expression import LABELS, Expression
from mien.mqtt.broker import BrokerSettings
from mien.mqtt.combined import CombinedMood, MoodChange, NodeTracker
from mien.mqtt.payloads import PayloadError
from mien.mqtt.subscriber import Subscriber
from mien.mqtt.topics import NODE_PATTERN, Topics, parse_topic
from mien.service.lines import event_to_dict, format_event
from mien.service.notify import Notifier
from mien.service.output import Output
from mien.service.signals import stop_signals
from mien.text import quoted

if TYPE_CHECKING:
    from mien.service.music_output import NowPlaying

Rooms = dict[str, str]
"""From node to the room it stands in."""

_POLL = 0.2  # seconds between looks at what plays
_MAX_REPORTED = 1000  # topics whose payloads were reported as invalid

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `mien play`."""
    add_config(parser)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--mood", choices=LABELS, metavar="LABEL", help=", ".join(LABELS))
    source.add_argument("--room", action="append", metavar="ROOM=NODE[,NODE]", help="nodes to follow, and their room")
    parser.add_argument("--intent", choices=INTENTS, help="with --mood; default: the configuration's")
    parser.add_argument("--json", action="store_true", help="with --room: print JSON lines")


def run(arguments: argparse.Namespace) -> None:
    """Play to the given mood, or to the moods of the rooms."""
    config = load_effective(arguments.config)
    if arguments.mood is not None:
        play_mood(config, Expression.from_label(arguments.mood), arguments.intent)
        return
    rooms = parse_rooms(arguments.room)
    with _open_outputs(config) as outputs:
        play_rooms(config.mqtt, rooms, RoomLines(rooms, as_json=arguments.json), outputs)


@contextmanager
def _open_outputs(config: Config) -> Iterator[list[Output]]:
    if not config.music.enabled:
        yield []
        return
    from mien.service.music_output import open_music_output  # spotipy is loaded only where music is enabled

    with open_music_output(config.music, config.spotify) as music:
        yield [music]


def parse_rooms(texts: list[str]) -> Rooms:
    """Return the room of each node from ROOM=NODE or ROOM=NODE,NODE. Raises UsageError."""
    rooms: Rooms = {}
    for text in texts:
        room, _, nodes = text.partition("=")
        for node in nodes.split(","):
            if not room.strip() or not re.match(NODE_PATTERN, node):
                raise UsageError(f"--room {text}: write ROOM=NODE, NODE being the mqtt.node of a camera.")
            if rooms.setdefault(node, room.strip()) != room.strip():
                raise UsageError(f"--room {text}: node {node} is already in room {rooms[node]}.")
    return rooms


class RoomLines:
    """Writes each room's moods as lines: JSON for programs, words for people."""

    def __init__(self, rooms: Rooms, *, as_json: bool, file: TextIO | None = None) -> None:
        self._rooms, self._json, self._file = rooms, as_json, file or sys.stdout

    def print(self, change: MoodChange, at: float) -> None:
        """Write a line and flush. at: seconds, for a change without a mood."""
        event = change.mood or CameraEvent("fault", change.reason, at)
        room = self._rooms[change.node]
        if self._json:
            line = json.dumps(event_to_dict(event) | {"room": room, "node": change.node}, ensure_ascii=False)
        else:
            line = f"{room} ({change.node}): {format_event(event)}"
        print(line, file=self._file, flush=True)


def play_rooms(
    config: MqttConfig,
    rooms: Rooms,
    lines: RoomLines,
    outputs: list[Output],
    *,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Hand the rooms' combined mood to the outputs until SIGTERM or SIGINT, across outages of the broker.

    Raises ConfigError.
    """
    patterns = [Topics(node).of(name) for node in rooms for name in ("availability", "camera", "state", "event")]
    subscriber = Subscriber(BrokerSettings.from_config(config), patterns)
    nodes, combined = NodeTracker(list(rooms)), CombinedMood()
    notifier = Notifier(healthy=lambda: subscriber.connection.alive() and all(output.alive() for output in outputs))
    reported: set[str] = set()
    try:
        with subscriber, stop_signals() as stopped:
            notifier.ready()
            while not stopped():
                notifier.alive()
                for change in _next_changes(subscriber, nodes, reported):
                    now = clock()
                    lines.print(change, now)
                    mood = combined.update(change, now)
                    if mood is not None:
                        for output in outputs:
                            output.handle(mood)
            notifier.stopping()
    finally:
        log.info("%d mood changes were merged on their way, %d messages dropped.", nodes.merged, subscriber.dropped)


def _next_changes(subscriber: Subscriber, nodes: NodeTracker, reported: set[str]) -> list[MoodChange]:
    """Return what the next message changes; nothing where none arrives within half a second.

    An invalid payload changes nothing, and is logged once a topic. reported: those topics.
    """
    message = subscriber.receive(0.5)
    place = parse_topic(message.topic) if message is not None else None
    if message is None or place is None:
        return []
    try:
        return nodes.on_message(*place, message.payload)
    except PayloadError as error:
        if len(reported) < _MAX_REPORTED and message.topic not in reported:
            reported.add(message.topic)
            log.warning("The payload under %s is ignored: %s.", message.topic, quoted(str(error)))
        return []


def play_mood(config: Config, expression: Expression, intent: Intent | None) -> None:
    """Play to one mood until SIGTERM or SIGINT, and print each song and each status.

    Raises ConfigError, and SpotifyError where only a person can make Spotify work again.
    """
    if not config.spotify.client_id:
        raise ConfigError("[spotify] client_id is missing: put the client id of your own Spotify app there.")
    from mien.music.players.spotify.status import NEEDS_PERSON, SpotifyError, Status
    from mien.service.music_output import open_music_output

    # a person gave it, so it need not hold first, and quiet hours, which are for detected moods, do not count
    music = msgspec.structs.replace(
        config.music, dwell=0.0, cooldown=0.0, quiet_hours="", intent=intent or config.music.intent
    )
    with stop_signals() as stopped, open_music_output(music, config.spotify) as output:
        output.set_enabled(True)
        output.handle(Mood(expression, 1.0, one_hot(expression), 0.0))
        printed: NowPlaying | None = None
        while not stopped():
            now = output.now
            if now.state in NEEDS_PERSON:
                raise SpotifyError(Status(now.state, now.sentence))
            if printed is None or (now.uri, now.sentence) != (printed.uri, printed.sentence):
                _print_now(now)
                printed = now
            threading.Event().wait(_POLL)


def _print_now(now: NowPlaying) -> None:
    print(f"{now.title} by {now.artist}\n    {now.why}" if now.uri else f"({now.sentence})", flush=True)
