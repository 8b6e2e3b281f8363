"""The machine as the house sees it: an output of the daemon that speaks MQTT."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from mien.controls import Controls
from mien.events import CameraEvent, Event, Mood
from mien.mqtt import commands, discovery, payloads
from mien.mqtt.broker import BrokerSettings, host_name
from mien.mqtt.commands import MusicControls
from mien.mqtt.connection import Connection, ConnectionTiming, Received, Subscription
from mien.mqtt.discovery import HEARTBEAT, DeviceInfo
from mien.mqtt.outbox import WAITING_EVENTS, Message
from mien.mqtt.ownership import NodeClaim
from mien.mqtt.topics import HOME_ASSISTANT_STATUS, OFFLINE, ONLINE, Topics

STATE_INTERVAL = 1.0
"""Seconds between two states at least."""

_ANSWER = 3.0
"""Seconds to wait for one's own hello: a broker whose rules forbid it must not keep the node silent."""

_REFUSALS_A_MINUTE = 10

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MachineInfo:
    """What only the computer can tell: soc_temperature in degrees Celsius, or None."""

    soc_temperature: Callable[[], float | None]


@dataclass(slots=True)
class _Now:
    """What holds now, as told by the daemon. Guarded by the Node's lock."""

    mood: Mood | None = None
    since: float = 0.0
    changes: int = 0
    camera: payloads.CameraPayload = field(default_factory=lambda: payloads.CameraPayload(state="starting"))


class Node:
    """Says each mood, and how the machine is; hears commands and Home Assistant's birth.

    `handle` may be called from one thread; all else happens on the Link's. remember is told of each setting that the
    house changes, so that it outlives a restart.
    """

    def __init__(
        self,
        device: DeviceInfo,
        access: BrokerSettings,
        *,
        identity: str,
        machine: MachineInfo,
        controls: Controls,
        music: MusicControls | None = None,
        remember: Callable[[payloads.SettingsPayload], None] = lambda _settings: None,
        timing: ConnectionTiming | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._device, self._machine, self._controls, self._music = device, machine, controls, music
        self._remember, self._clock, self._wall = remember, clock, wall
        self._topics = topics = Topics(device.node)
        self._run = uuid.uuid4().hex[:12]
        self._began = clock()
        self._claim = NodeClaim(payloads.InstancePayload(id=identity, host=host_name(), since=wall()))
        self._lock = threading.Lock()
        self._now = _Now(since=wall())
        self._events: deque[Message] = deque(maxlen=WAITING_EVENTS)
        self._said: dict[str, tuple[bytes, float]] = {}
        self._asks = 0
        self._hello = b""
        self._asked_at: float | None = None
        self._closing = False
        self._refusals: list[float] = []
        filters = [Subscription(topics.commands, as_published=True)]
        filters += [Subscription(topics.of(name)) for name in ("instance", "availability", "hello")]
        filters.append(Subscription(HOME_ASSISTANT_STATUS))
        will = Message(topics.of("availability"), OFFLINE, retain=True)
        self.link = Connection(access, f"mien-{identity}", self, filters, will=will, timing=timing, clock=clock)

    def start(self) -> None:
        """Begin to look for the broker; returns at once."""
        self.link.start()

    def close(self) -> None:
        """Say goodbye and stop; takes a few seconds at most."""
        with self._lock:
            self._closing = True
        if self._claim.speaking:
            self._say_events()
            self._say("state", self._state())
            self.link.send(Message(self._topics.of("availability"), OFFLINE, retain=True))
        self.link.stop()

    def alive(self) -> bool:
        """For the watchdog."""
        return self.link.alive()

    def handle(self, event: Event) -> None:
        """Take note of an event; a mood change is said at once, the state with the next pulse."""
        with self._lock:
            if isinstance(event, CameraEvent):
                self._now.camera = payloads.CameraPayload(state=event.state, detail=event.detail[:500])
                if event.state != "open":  # an old mood is not to be taken for a new one
                    self._now.mood, self._now.since = None, self._wall()
            else:
                self._now.mood, self._now.since = event, self._wall()
                self._now.changes += 1
        if isinstance(event, Mood):
            said = payloads.write(payloads.event_of(self._state()))
            self._events.append(Message(self._topics.of("event"), said, exactly_once=True))
        self.link.wake()

    # --- the Link's listener

    def connected(self) -> None:
        """Ask for the name before saying anything under it."""
        self._claim.ask()
        self._asked_at = self._clock()
        while len(self._events) > 1:  # of an outage only the latest change is told
            self._events.popleft()
        mine = self._claim.mine
        self._asks += 1
        self._hello = payloads.write(
            payloads.HelloPayload(id=mine.id, host=mine.host, since=mine.since, ask=self._asks)
        )
        self.link.send(Message(self._topics.of("hello"), self._hello))

    def heard(self, message: Received) -> None:
        """Sort by topic."""
        if message.topic == HOME_ASSISTANT_STATUS:
            if message.payload == ONLINE and self._claim.speaking:
                self._announce()
        elif message.topic == self._topics.of("availability"):
            self._hear_availability(message.payload)
        elif message.topic == self._topics.of("instance"):
            self._hear_instance(message)
        elif message.topic == self._topics.of("hello"):
            if message.payload == self._hello and self._asked_at is not None:
                self._begin_to_speak()
        else:
            self._hear_command(message)

    def pulse(self) -> None:
        """Say what has changed, and what is due."""
        if self._asked_at is not None and self._clock() - self._asked_at > _ANSWER:
            self._begin_to_speak()
        if not self._claim.speaking:
            return
        self._say_events()
        self._say_if_due("camera", self._camera())
        self._say_if_due("settings", self._settings())
        if self._music is not None:
            self._say_if_due("music", self._music.status())
        self._say_if_due("state", self._state(), at_least=STATE_INTERVAL, at_most=HEARTBEAT)
        if self._age("diag") >= HEARTBEAT:
            self._say("diag", self._diag())

    # --- who speaks

    def _hear_instance(self, message: Received) -> None:
        try:
            instance = payloads.read(message.payload, payloads.InstancePayload)
        except payloads.PayloadError as error:
            if message.payload:
                log.warning("MQTT: what stands under %s is ignored: %s.", message.topic, error)
            return
        again = self._claim.hear(instance, retained=message.retained)
        if self._claim.speaking and self._claim.is_lost():
            self._stand_aside()
        elif again:
            self._announce()

    def _hear_availability(self, payload: bytes) -> None:
        self._claim.holder_is_online = payload == ONLINE
        if payload == OFFLINE and self._claim.speaking and not self._closing:
            # the last will of an earlier connection, or of one that had the name by mistake
            self.link.send(Message(self._topics.of("availability"), ONLINE, retain=True))

    def _begin_to_speak(self) -> None:
        self._asked_at = None
        if self._claim.is_lost():
            self._stand_aside()
            return
        self._claim.speaking, self._claim.held_by = True, None
        self._announce()

    def _stand_aside(self) -> None:
        self._claim.speaking = False
        self._asked_at = None
        self.link.back_off(self._claim.words(self._device.node))

    # --- saying

    def _say_events(self) -> None:
        while self._events:
            self.link.send(self._events.popleft())

    def _announce(self) -> None:
        """All that is retained, states after the discovery that gives them a meaning."""
        if self._closing:
            return
        message = discovery.payload(self._device, music=self._music is not None)
        self.link.send(Message(self._topics.discovery, message, retain=True))
        self._say("instance", self._claim.mine)
        self._say("settings", self._settings())
        self._say("camera", self._camera())
        self._say("diag", self._diag())
        if self._music is not None:
            self._say("music", self._music.status())
        self._say("state", self._state())
        self.link.send(Message(self._topics.of("availability"), ONLINE, retain=True))

    def _say(self, name: str, payload: object) -> None:
        message = payloads.write(payload)  # type: ignore[arg-type]
        self._said[name] = message, self._clock()
        self.link.send(Message(self._topics.of(name), message, retain=True))

    def _say_if_due(self, name: str, payload: object, at_least: float = 0.0, at_most: float = float("inf")) -> None:
        message = payloads.write(payload)  # type: ignore[arg-type]
        before, _ = self._said.get(name, (b"", 0.0))
        if (message != before and self._age(name) >= at_least) or self._age(name) >= at_most:
            self._say(name, payload)

    def _age(self, name: str) -> float:
        return self._clock() - self._said[name][1] if name in self._said else float("inf")

    def _state(self) -> payloads.StatePayload:
        with self._lock:
            now = self._now
            there = now.mood is not None and now.mood.expression is not None
            looking = now.camera.state == "open"
            faces = max(int(there), self._controls.diagnostics.faces) if looking else 0
            since = datetime.fromtimestamp(now.since, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            return payloads.state_of(now.mood, faces=faces, since=since, run=self._run, seq=now.changes)

    def _camera(self) -> payloads.CameraPayload:
        with self._lock:
            return self._now.camera

    def _settings(self) -> payloads.SettingsPayload:
        controls = self._controls
        return payloads.SettingsPayload(
            detection=controls.detection, threshold=controls.threshold, profile=controls.profile
        )

    def _diag(self) -> payloads.DiagPayload:
        seen, temperature = self._controls.diagnostics, self._machine.soc_temperature()
        return payloads.DiagPayload(
            software=self._device.software,
            soc_temperature=round(temperature, 1) if temperature is not None else None,
            inference_ms=round(seen.inference_ms, 2) if seen.inference_ms > 0 else None,
            fps=round(seen.fps, 1),
            uptime=int(self._clock() - self._began),
            low_quality=seen.low_quality,
            music=self._music.status().state if self._music is not None else None,
        )

    # --- commands

    def _hear_command(self, message: Received) -> None:
        try:
            command = commands.parse(message.topic, message.payload, retained=message.retained)
            self._obey(command)
        except commands.CommandError as refusal:
            self._log_refusal(message.topic, str(refusal))
            return
        log.info("MQTT: %s set to %s.", command.name, command.value)
        self.link.wake()

    def _obey(self, command: commands.Command) -> None:
        music = self._music
        if command.name in ("music", "intent", "mood", "skip") and music is None:
            raise commands.CommandError("music is not on here")
        match command.name, command.value:
            case "restart", _:
                self._controls.stop("restart")
            case ("detection" | "threshold" | "profile") as name, value:
                setattr(self._controls, name, value)
                self._remember(self._settings())
            case "music", bool(on) if music:
                music.set_enabled(on)
            case "intent", ("match" | "lift" | "calm") as intent if music:
                music.set_intent(intent)
            case "mood", str(mood) if music:
                music.set_mood(mood)
            case "skip", _ if music:
                music.skip()

    def _log_refusal(self, topic: str, reason: str) -> None:
        """A flood of nonsense shall not become a flood of log lines."""
        now = self._clock()
        self._refusals = [at for at in self._refusals if now - at < 60] + [now]
        if len(self._refusals) <= _REFUSALS_A_MINUTE:
            log.warning("MQTT: the command on %s is refused: %s.", commands.shown(topic), reason)
        elif len(self._refusals) == _REFUSALS_A_MINUTE + 1:
            log.warning("MQTT: more refused commands are not named for a minute.")
        del self._refusals[:-100]
