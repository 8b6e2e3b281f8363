"""The node: an output of the daemon that publishes moods over MQTT and executes commands."""

from __future__ import annotations

import logging
import math
import threading
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from mien.clock import Clock
from mien.controls import Controls
from mien.events import CameraEvent, Event, Mood
from mien.mqtt import payloads
from mien.mqtt.broker import BrokerSettings, host_name
from mien.mqtt.commands import CommandHandler, MusicControls, current_settings
from mien.mqtt.connection import Connection, ConnectionTiming
from mien.mqtt.discovery import HEARTBEAT, DeviceInfo, discovery_payload
from mien.mqtt.outbox import PENDING_EVENTS, Message
from mien.mqtt.ownership import NodeClaim
from mien.mqtt.paho_client import Received, Subscription
from mien.mqtt.topics import HOME_ASSISTANT_STATUS, OFFLINE, ONLINE, Topics

STATE_INTERVAL = 1.0
"""The least seconds between two states."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MachineInfo:
    """Sensors of the computer. soc_temperature: returns degrees Celsius, or None."""

    soc_temperature: Callable[[], float | None]


@dataclass(slots=True)
class _Current:
    """The latest events. since: when the mood began, seconds since 1970. changes: mood changes so far."""

    camera: payloads.CameraPayload
    mood: Mood | None
    since: float
    changes: int = 0


class NodeSnapshot:
    """The current content of every retained topic. `update` and the other methods may run on different threads."""

    def __init__(
        self, software: str, machine: MachineInfo, controls: Controls, music: MusicControls | None, clock: Clock
    ) -> None:
        self.run = uuid.uuid4().hex[:12]
        """Identifies one run of the daemon."""
        self._software, self._machine, self._controls, self._music = software, machine, controls, music
        self._clock, self._started_at = clock, clock.steady()
        self._lock = threading.Lock()
        self._current = _Current(payloads.CameraPayload(state="starting"), None, clock.wall())

    def update(self, event: Event) -> None:
        """Take over a mood or a camera's state."""
        with self._lock:
            current = self._current
            if isinstance(event, CameraEvent):
                current.camera = payloads.CameraPayload(state=event.state, detail=event.detail[:500])
                if event.state != "open":  # an old mood must not be taken for a current one
                    current.mood, current.since = None, self._clock.wall()
            else:
                current.mood, current.since = event, self._clock.wall()
                current.changes += 1

    def state(self) -> payloads.StatePayload:
        """Return the current mood."""
        with self._lock:
            current = self._current
            has_face = current.mood is not None and current.mood.expression is not None
            is_open = current.camera.state == "open"
            faces = max(int(has_face), self._controls.diagnostics.faces) if is_open else 0
            since = datetime.fromtimestamp(current.since, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            return payloads.to_state(current.mood, faces=faces, since=since, run=self.run, seq=current.changes)

    def camera(self) -> payloads.CameraPayload:
        """Return the camera's state."""
        with self._lock:
            return self._current.camera

    def settings(self) -> payloads.SettingsPayload:
        """Return the values that commands can set."""
        return current_settings(self._controls)

    def music(self) -> payloads.MusicPayload | None:
        """Return the status of the music output; None if there is none."""
        return self._music.status() if self._music is not None else None

    def learning(self) -> payloads.LearningPayload:
        """Return the state of learning a face."""
        status = self._controls.learning
        return payloads.LearningPayload(state=status.state, person=status.person, detail=status.detail[:500])

    def diag(self) -> payloads.DiagPayload:
        """Return the diagnostics."""
        diagnostics, temperature, music = self._controls.diagnostics, self._machine.soc_temperature(), self.music()
        return payloads.DiagPayload(
            software=self._software,
            soc_temperature=round(temperature, 1) if temperature is not None else None,
            inference_ms=round(diagnostics.inference_ms, 2) if diagnostics.inference_ms > 0 else None,
            fps=round(diagnostics.fps, 1),
            uptime=int(self._clock.steady() - self._started_at),
            low_quality=diagnostics.low_quality,
            music=music.state if music is not None else None,
        )


class RetainedPublisher:
    """Publishes retained topics, and skips those that have not changed or were published too recently."""

    def __init__(self, topics: Topics, send: Callable[[Message], None], now: Callable[[], float]) -> None:
        self._topics, self._send, self._now = topics, send, now
        self._published: dict[str, tuple[bytes, float]] = {}

    def publish(self, name: str, payload: msgspec.Struct) -> None:
        """Publish a topic now."""
        message = payloads.encode(payload)
        self._published[name] = message, self._now()
        self._send(Message(self._topics.of(name), message, retain=True))

    def publish_changed(
        self, name: str, payload: msgspec.Struct, *, shortest: float = 0.0, longest: float = math.inf
    ) -> None:
        """Publish a topic if it has changed, or if it was last published at least `longest` seconds ago.

        shortest: seconds that a change waits for after the last publication.
        """
        message, age = payloads.encode(payload), self.age(name)
        previous, _ = self._published.get(name, (b"", 0.0))
        if (message != previous and age >= shortest) or age >= longest:
            self.publish(name, payload)

    def age(self, name: str) -> float:
        """Return the seconds since a topic was last published; infinity if it never was."""
        return self._now() - self._published[name][1] if name in self._published else math.inf


class Node:
    """Publishes each mood and the machine's state, and executes commands.

    `handle` may be called from one thread; everything else happens on the connection's. installation_id: see
    broker.installation_id. save: is called with the settings after each change by a client, so that they outlive a
    restart. on_birth: is called when Home Assistant publishes that it has started, and when the broker retains that.
    """

    def __init__(
        self,
        device: DeviceInfo,
        settings: BrokerSettings,
        *,
        installation_id: str,
        machine: MachineInfo,
        controls: Controls,
        music: MusicControls | None = None,
        save: Callable[[payloads.SettingsPayload], None] = lambda _settings: None,
        on_birth: Callable[[], None] = lambda: None,
        timing: ConnectionTiming | None = None,
        clock: Clock | None = None,
    ) -> None:
        clock = clock or Clock()
        self._device, self._now = device, clock.steady
        self._topics = topics = Topics(device.node)
        self._claim = NodeClaim(payloads.InstancePayload(id=installation_id, host=host_name(), since=clock.wall()))
        self._snapshot = NodeSnapshot(device.software, machine, controls, music, clock)
        self._commands = CommandHandler(controls, music, save, clock.steady)
        self._events: deque[Message] = deque(maxlen=PENDING_EVENTS)
        self._closing, self._on_birth = False, on_birth
        subscriptions = [Subscription(topics.commands, as_published=True)]
        subscriptions += [Subscription(topics.of(name)) for name in ("instance", "availability", "hello")]
        subscriptions.append(Subscription(HOME_ASSISTANT_STATUS))
        will = Message(topics.of("availability"), OFFLINE, retain=True)
        self.connection = Connection(
            settings, f"mien-{installation_id}", self, subscriptions, will=will, timing=timing, clock=clock
        )
        self._publisher = RetainedPublisher(topics, self.connection.send, clock.steady)

    def start(self) -> None:
        """Start to connect; returns at once."""
        self.connection.start()

    def close(self) -> None:
        """Publish that the node is offline, and stop; takes a few seconds at most."""
        self._closing = True
        if self._claim.owned:
            self._publish_events()
            self._publisher.publish("state", self._snapshot.state())
            self._publish_availability(OFFLINE)
        self.connection.stop()

    def alive(self) -> bool:
        """Return whether the connection's thread does its work, for the watchdog."""
        return self.connection.alive()

    def handle(self, event: Event) -> None:
        """Take over an event. A mood change is published at once, the state with the next tick that its rate allows."""
        self._snapshot.update(event)
        if isinstance(event, Mood):
            payload = payloads.encode(payloads.to_event(self._snapshot.state()))
            self._events.append(Message(self._topics.of("event"), payload, exactly_once=True))
        self.connection.wake()

    # --- the connection's handler

    def on_connect(self) -> None:
        """Claim the name before anything is published under it."""
        while len(self._events) > 1:  # of an outage's changes only the latest is published
            self._events.popleft()
        hello = self._claim.request(self._now())
        self.connection.send(Message(self._topics.of("hello"), hello))

    def on_message(self, message: Received) -> None:
        """Handle a message by its topic."""
        if message.topic == HOME_ASSISTANT_STATUS:
            if message.payload == ONLINE:
                self._on_birth()
                if self._claim.owned:
                    self._publish_all()
        elif message.topic == self._topics.of("availability"):
            self._on_availability(message.payload)
        elif message.topic == self._topics.of("instance"):
            self._on_instance(message)
        elif message.topic == self._topics.of("hello"):
            self._decide_claim(message.payload)
        else:
            self._commands.handle(message.topic, message.payload, retained=message.retained)

    def on_tick(self) -> None:
        """Publish what has changed, and what is due."""
        self._decide_claim()
        if not self._claim.owned:
            return
        self._publish_events()
        self._publisher.publish_changed("camera", self._snapshot.camera())
        self._publisher.publish_changed("settings", self._snapshot.settings())
        self._publisher.publish_changed("learning", self._snapshot.learning())
        if (music := self._snapshot.music()) is not None:
            self._publisher.publish_changed("music", music)
        self._publisher.publish_changed("state", self._snapshot.state(), shortest=STATE_INTERVAL, longest=HEARTBEAT)
        if self._publisher.age("diag") >= HEARTBEAT:
            self._publisher.publish("diag", self._snapshot.diag())

    # --- which machine owns the name

    def _on_instance(self, message: Received) -> None:
        try:
            instance = payloads.decode(message.payload, payloads.InstancePayload)
        except payloads.PayloadError as error:
            if message.payload:
                log.warning("MQTT: the message on %s is ignored: %s.", message.topic, error)
            return
        repeat = self._claim.on_announcement(instance, retained=message.retained)
        if self._claim.owned and self._claim.is_lost():
            self._back_off()
        elif repeat:
            self._publish_all()

    def _on_availability(self, payload: bytes) -> None:
        self._claim.holder_is_online = payload == ONLINE
        if payload == OFFLINE and self._claim.owned and not self._closing:
            # the last will of an earlier connection, or of a machine that had the name by mistake
            self._publish_availability(ONLINE)

    def _decide_claim(self, hello: bytes = b"") -> None:
        """Publish everything if the name is ours, as soon as that can be decided. hello: one that has come."""
        if not self._claim.is_ready(self._now(), hello):
            return
        if self._claim.decide():
            self._publish_all()
        else:
            self._back_off()

    def _back_off(self) -> None:
        self._claim.give_up()
        self.connection.back_off(self._claim.describe(self._device.node))

    # --- publishing

    def _publish_events(self) -> None:
        while self._events:
            self.connection.send(self._events.popleft())

    def _publish_availability(self, payload: bytes) -> None:
        self.connection.send(Message(self._topics.of("availability"), payload, retain=True))

    def _publish_all(self) -> None:
        """Publish every retained topic, discovery before the states that it gives a meaning to."""
        if self._closing:
            return
        snapshot, publish = self._snapshot, self._publisher.publish
        music = snapshot.music()
        discovery = discovery_payload(self._device, music=music is not None)
        self.connection.send(Message(self._topics.discovery, discovery, retain=True))
        publish("instance", self._claim.own)
        publish("settings", snapshot.settings())
        publish("learning", snapshot.learning())
        publish("camera", snapshot.camera())
        publish("diag", snapshot.diag())
        if music is not None:
            publish("music", music)
        publish("state", snapshot.state())
        self._publish_availability(ONLINE)
