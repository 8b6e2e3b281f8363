"""The parts of MQTT that need no broker: payloads, commands, discovery, the outbox, rooms, access."""

from __future__ import annotations

import contextlib
import json
import logging
import ssl
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.commands.play import parse_rooms
from mien.config import Config, MqttConfig
from mien.config_file import example, parse
from mien.errors import ConfigError, UsageError
from mien.events import Mood
from mien.expression import LABELS, Expression
from mien.mqtt import broker, commands, discovery, entity_names, payloads
from mien.mqtt.combined import CombinedMood, MoodChange, NodeTracker
from mien.mqtt.outbox import WAITING_EVENTS, Message, Outbox
from mien.mqtt.ownership import NodeClaim
from mien.mqtt.topics import FIRST_LEVELS, Topics, split
from tests.fakes.mosquitto import certificates


@st.composite
def moods(draw: st.DrawFn) -> Mood:
    weights = draw(st.lists(st.floats(1e-6, 1), min_size=7, max_size=7))
    shares = tuple(weight / sum(weights) for weight in weights)
    best = max(range(7), key=shares.__getitem__)
    return Mood(Expression(best), min(1.0, shares[best]), shares, draw(st.floats(0, 1e9)))


def state(seq: int, expression: Expression | None = Expression.HAPPY, run: str = "r") -> payloads.StatePayload:
    sure = tuple(float(e == expression) for e in Expression)
    mood = Mood(expression, 1.0, sure, 1.0) if expression is not None else Mood(None, 0.0, (), 1.0)
    return payloads.state_of(mood, faces=1, since="2026-01-01T00:00:00Z", run=run, seq=seq)


@given(moods())
def test_mood_survives_the_trip(mood: Mood) -> None:
    """A mood that travels through JSON comes out unchanged, to the last bit."""
    sent = payloads.write(payloads.state_of(mood, faces=1, since="2026-01-01T00:00:00Z", run="r", seq=3))
    assert payloads.mood_of(payloads.read(sent, payloads.StatePayload)) == mood
    event = payloads.read(
        payloads.write(payloads.event_of(payloads.read(sent, payloads.StatePayload))), payloads.EventPayload
    )
    assert payloads.mood_of(event) == mood
    assert event.event_type == LABELS[mood.expression or 0]


def test_nobody_survives_the_trip() -> None:
    """That nobody is there travels too, as null and as the event "absent"."""
    sent = payloads.state_of(Mood(None, 0.0, (), 7.5), faces=0, since="2026-01-01T00:00:00Z", run="r", seq=1)
    assert (sent.expression, sent.valence, payloads.event_of(sent).event_type) == (None, None, "absent")
    assert payloads.mood_of(payloads.read(payloads.write(sent), payloads.StatePayload)) == Mood(None, 0.0, (), 7.5)


@given(
    st.binary(max_size=300)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ).map(lambda value: json.dumps(value).encode())
)
def test_hostile_payloads_are_refused(payload: bytes) -> None:
    """Whatever bytes come under a topic, reading ends in a payload or in PayloadError."""
    for kind in payloads.BY_TOPIC.values():
        with contextlib.suppress(payloads.PayloadError):
            payloads.read(payload, kind)


@pytest.mark.parametrize(
    "change",
    [
        {"confidence": 1.5},
        {"version": 2},
        {"expression": "bored"},
        {"probabilities": {"happy": 0.5, "sad": 0.5}},
        {"probabilities": dict.fromkeys(LABELS, 1.0)},
        {"seq": -1},
        {"since": "yesterday"},
        {"faces": "one"},
        {"run": "x" * 20_000},
    ],
)
def test_wrong_states_are_refused(change: dict[str, Any]) -> None:
    """A state with one wrong field is no mood."""
    sent = json.loads(payloads.write(state(1))) | change
    with pytest.raises(payloads.PayloadError):
        payloads.mood_of(payloads.read(json.dumps(sent).encode(), payloads.StatePayload))


def test_deep_json_is_refused() -> None:
    """A payload nested beyond reason is refused, not a crash."""
    with pytest.raises(payloads.PayloadError):
        payloads.read(b"[" * 16000, payloads.StatePayload)


def test_schema_in_the_package_is_the_payloads_own() -> None:
    """schema.json says what the code says, and is a valid JSON Schema that names every topic."""
    shipped = json.loads((files("mien") / "mqtt" / "schema.json").read_text(encoding="utf-8"))
    assert shipped == payloads.schema()
    jsonschema.Draft202012Validator.check_schema(shipped)
    assert set(shipped["topics"]) == {*FIRST_LEVELS, "hello"}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"version": 1}, {"$ref": "#/topics/state", **shipped})


@given(st.sampled_from(sorted(commands.PARSERS)) | st.text(max_size=20), st.binary(max_size=80), st.booleans())
def test_commands_are_hostile_until_checked(name: str, payload: bytes, retained: bool) -> None:
    """Any topic and bytes give a checked command or CommandError; a retained one never gives a command."""
    refusal = ""
    try:
        command = commands.parse(f"mien/x/{name}/set", payload, retained=retained)
    except commands.CommandError as error:
        refusal = str(error)
    assert refusal.isprintable()
    if not refusal:
        assert not retained
        assert command.name in commands.PARSERS
        assert isinstance(command.value, str | bool) or 0.30 <= command.value <= 0.99


@pytest.mark.parametrize("text", ["", "29", "100", "nan", "inf", "1e9", "6_0", "sixty", "٦٠", "-50", "60" * 40, "{}"])
def test_thresholds_out_of_range_are_refused(text: str) -> None:
    """Only a number from 30 to 99 is a threshold."""
    with pytest.raises(commands.CommandError):
        commands.parse("mien/x/threshold/set", text.encode(), retained=False)


def test_good_commands_are_understood() -> None:
    """What Home Assistant sends is what is done."""
    given_ = {"detection": b"OFF", "threshold": b"60.0", "profile": b"eco", "restart": b"PRESS", "music": b"ON"}
    values = [commands.parse(f"mien/x/{name}/set", text, retained=False).value for name, text in given_.items()]
    assert values == [False, 0.6, "eco", "PRESS", True]


def test_discovery_is_as_home_assistant_accepted_it(shared: Path) -> None:
    """Every entity of the payload that a real Home Assistant took is there, of the same kind and with the same keys."""
    accepted = json.loads((shared / "mqtt" / "ha_device_discovery_validated.json").read_text(encoding="utf-8"))
    device = discovery.DeviceInfo("8f3c2a91", "Mien", "Living room", "en", "1.0.0", "Raspberry Pi 4 Model B")
    made = json.loads(discovery.payload(device, music=True))
    kinds = {component["uniq_id"]: component["p"] for component in made["cmps"].values()}
    for key, component in accepted["cmps"].items():
        if key != "preview":  # a picture is never sent
            assert kinds[f"mien_8f3c2a91_{key}"] == component["p"]
    assert made["dev"].keys() == accepted["dev"].keys()
    known = {key for component in accepted["cmps"].values() for key in component} | {"avty_mode"}
    assert {key for component in made["cmps"].values() for key in component} <= known
    assert made["cmps"]["expression"]["avty_mode"] == "all"


def test_every_entity_has_a_name_in_every_language() -> None:
    """Five languages, no name missing, none twice on one device, and the ids the same in all."""
    ids = set()
    for language in entity_names.LANGUAGES:
        device = discovery.DeviceInfo("a", "Mien", "", language, "1", "")
        components = json.loads(discovery.payload(device, music=True))["cmps"]
        called = [component["name"] for component in components.values()]
        assert all(called)
        assert len(set(called)) == len(called) == len(entity_names.NAMES)
        ids.add(json.dumps(sorted(component["uniq_id"] for component in components.values())))
    assert len(ids) == 1


def test_without_music_no_music_is_offered() -> None:
    """Nothing of the music stands in Home Assistant where there is none."""
    device = discovery.DeviceInfo("a", "Mien", "", "en", "1", "")
    assert not {"music", "skip", "playing"} & json.loads(discovery.payload(device, music=False))["cmps"].keys()


def event(number: int) -> Message:
    return Message("e", str(number).encode())


def test_outbox_keeps_every_event_while_connected_and_the_latest_of_an_outage() -> None:
    """The merging rule of the documentation."""
    outbox = Outbox()
    outbox.connected(True)
    for number in range(3):
        outbox.put(event(number))
    assert [outbox.take(), outbox.take()] == [event(0), event(1)]
    outbox.connected(False)
    for number in range(3, 10):
        outbox.put(event(number))
    outbox.put(Message("s", b"1", retain=True))
    assert [outbox.take(), outbox.take()] == [event(9), None]


def test_outbox_puts_back_only_what_nothing_newer_stands_for() -> None:
    """What the broker may not have is said again, unless a later event waits."""
    outbox = Outbox()
    outbox.put_back(event(1))
    assert outbox.take() == event(1)
    outbox.put(event(2))
    outbox.put_back(event(1))
    assert [outbox.take(), outbox.take()] == [event(2), None]


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans(), st.sampled_from(["put", "back", "up", "down", "take"]))))
def test_outbox_is_bounded(steps: list[tuple[int, bool, str]]) -> None:
    """Whatever happens, no more waits than one message a retained topic and the events' limit."""
    outbox = Outbox()
    for number, retain, step in steps * 20:
        message = Message(f"t/{number}", b"", retain)
        if step == "put":
            outbox.put(message)
        elif step == "back":
            outbox.put_back(message)
        elif step == "take":
            outbox.take()
        else:
            outbox.connected(step == "up")
        assert len(outbox) <= 10 + WAITING_EVENTS


def instance(name: str, since: float) -> payloads.InstancePayload:
    return payloads.InstancePayload(id=name, host=name, since=since)


def test_who_is_there_stays() -> None:
    """A newcomer finds another online and is refused with its name; once that is offline it is let in."""
    claim = NodeClaim(instance("new", 2))
    claim.hear(instance("old", 9), retained=True)
    assert not claim.is_lost()
    claim.holder_is_online = True
    assert claim.is_lost()
    assert "'old'" in claim.words("kitchen")
    assert "mqtt.node" in claim.words("kitchen")


def test_of_two_that_come_at_once_exactly_one_stays() -> None:
    """Both speak before they hear of each other: the one that began first goes on, the other stands aside."""
    first, second = NodeClaim(instance("a", 1), speaking=True), NodeClaim(instance("b", 2), speaking=True)
    assert first.hear(second.mine, retained=False)
    assert not first.is_lost()
    assert not second.hear(first.mine, retained=False)
    assert second.is_lost()


def hear(nodes: NodeTracker, *said: tuple[str, bytes]) -> list[MoodChange]:
    return [change for name, payload in said for change in nodes.hear("n", name, payload)]


OPEN = ("camera", payloads.write(payloads.CameraPayload(state="open")))
FAULT = ("camera", payloads.write(payloads.CameraPayload(state="fault", detail="cable\x1b[2J")))


def test_each_mood_change_comes_out_once() -> None:
    """State and event tell the same change; a repeated or late one tells nothing."""
    nodes = NodeTracker(["n"])
    one, two = state(1), state(2, Expression.SAD)
    told = hear(
        nodes,
        ("availability", b"online"),
        OPEN,
        ("state", payloads.write(one)),
        ("event", payloads.write(payloads.event_of(one))),
        ("event", payloads.write(payloads.event_of(two))),
        ("state", payloads.write(one)),
        ("state", payloads.write(two)),
    )
    assert [change.mood for change in told] == [payloads.mood_of(one), payloads.mood_of(two)]
    assert nodes.merged == 0
    assert hear(nodes, ("state", payloads.write(state(5))))
    assert nodes.merged == 2


def test_what_is_not_current_is_not_known() -> None:
    """A camera's fault and a node's end say that the mood is unknown; after a fault the old mood does not come back."""
    nodes = NodeTracker(["n"])
    told = hear(nodes, ("state", payloads.write(state(1))), OPEN, ("availability", b"online"), FAULT, OPEN)
    assert [change.mood is None for change in told] == [False, True]
    assert "cable" in told[1].why
    assert told[1].why.isprintable()
    told = hear(nodes, ("state", payloads.write(state(2))), ("availability", b"offline"), ("availability", b"online"))
    assert [change.mood is None for change in told] == [False, True, False]


def test_a_foreign_payload_changes_nothing() -> None:
    """Nonsense under a node's topic raises, and the node's mood stays."""
    nodes = NodeTracker(["n"])
    hear(nodes, ("availability", b"online"), OPEN, ("state", payloads.write(state(1))))
    for name in ("state", "event", "camera", "availability"):
        with pytest.raises(payloads.PayloadError):
            nodes.hear("n", name, b"\xff{nonsense")
    assert hear(nodes, ("state", payloads.write(state(1)))) == []


def test_the_house_follows_whoever_is_there() -> None:
    """The latest mood counts; who leaves hands over to who is still there; nobody is there when all are gone."""
    house = CombinedMood()
    happy, sad = payloads.mood_of(state(1)), payloads.mood_of(state(1, Expression.SAD))
    gone = Mood(None, 0.0, (), 1.0)
    heard = [
        house.update(MoodChange("a", happy), 1),
        house.update(MoodChange("b", sad), 2),
        house.update(MoodChange("b", gone), 3),
    ]
    assert [mood and mood.expression for mood in heard] == [Expression.HAPPY, Expression.SAD, Expression.HAPPY]
    last = house.update(MoodChange("a", None, "offline"), 4)
    assert last == Mood(None, 0.0, (), 4)
    assert house.update(MoodChange("b", None), 5) is None


def test_rooms_are_checked() -> None:
    """ROOM=NODE,NODE names rooms; anything else is told what to write."""
    assert parse_rooms(["living room=pi1,pi2", "hall=pi3"]) == {
        "pi1": "living room",
        "pi2": "living room",
        "pi3": "hall",
    }
    for wrong in ("kitchen", "=pi", "kitchen=", "kitchen=Pi", "kitchen=a/b", "kitchen=+"):
        with pytest.raises(UsageError):
            parse_rooms([wrong])
    with pytest.raises(UsageError):
        parse_rooms(["a=pi", "b=pi"])


@given(st.text() | st.sampled_from(["mien/a/state", "mien/a/set", "mien/A/state", "mien/a/b/state"]))
def test_topics_are_split_only_where_they_are_ours(topic: str) -> None:
    """A foreign topic is none of ours; one of ours is made of what it is split into."""
    place = split(topic)
    assert place is None or Topics(place[0]).of(place[1]) == topic


def test_section_without_a_broker_is_told() -> None:
    """[mqtt] without host would silently do nothing: it is a fault of the file."""
    _, faults = parse({"mqtt": {"node": "kitchen"}})
    assert len(faults) == 1
    assert "mqtt.host" in faults[0]
    _, faults = parse({"mqtt": {"host": "b", "node": "Not Good", "port": 70000, "usrname": "x"}})
    assert len(faults) == 3
    assert "did you mean username" in " ".join(faults)
    assert not Config().mqtt.host
    assert parse(tomllib.loads(example())) == (Config(), [])


def test_password_comes_from_a_file_and_shows_nowhere(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """One line of a file is the password; it is in no text of the object, and a file for all to read is named."""
    file = tmp_path / "password"
    file.write_text("s3cret pass\n")
    file.chmod(0o600)
    way = broker.BrokerSettings.of(MqttConfig(host="localhost", username="u", password_file=str(file)))
    assert way.password == "s3cret pass"
    assert "s3cret" not in repr(way)
    assert not caplog.records
    file.chmod(0o644)
    broker.BrokerSettings.of(MqttConfig(host="broker.lan", username="u", password_file=str(file)))
    assert "chmod 600" in caplog.text
    assert "in clear" in caplog.text
    assert "s3cret" not in caplog.text


def test_password_comes_from_systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A credential named mqtt-password needs no key in the configuration."""
    (tmp_path / "mqtt-password").write_text("from systemd")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert broker.BrokerSettings.of(MqttConfig(host="localhost", username="u")).password == "from systemd"


def test_wrong_access_is_told_in_a_sentence(tmp_path: Path) -> None:
    """Each mistake about passwords and certificates is a ConfigError that names the key."""
    file = tmp_path / "file"
    file.write_bytes(b"")
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\n\n")
    for wrong, word in (
        (MqttConfig(), "[mqtt]"),
        (MqttConfig(host="h", username="u", password_file=str(file)), "one line"),
        (MqttConfig(host="h", username="u", password_file=str(binary)), "UTF-8"),
        (MqttConfig(host="h", username="u", password_file=str(tmp_path / "none")), "cannot be read"),
        (MqttConfig(host="h", username="u", password_file="/dev/null"), "not a file"),
        (MqttConfig(host="h", ca_file="ca.pem"), "tls = true"),
        (MqttConfig(host="h", tls=True, ca_file=str(file)), "mqtt.ca_file"),
        (MqttConfig(host="h", tls=True, ca_file=str(tmp_path / "none")), "mqtt.ca_file"),
        (MqttConfig(host="h", tls=True, key_file=str(file)), "mqtt.cert_file"),
        (MqttConfig(host="h", tls=True, cert_file=str(binary)), "mqtt.cert_file"),
    ):
        with pytest.raises(ConfigError) as raised:
            broker.BrokerSettings.of(wrong)
        assert word in str(raised.value)


def test_tls_verifies(tmp_path: Path) -> None:
    """The certificate and the name are checked, and there is no key to turn that off."""
    certificates(tmp_path)
    way = broker.BrokerSettings.of(MqttConfig(host="h", tls=True, ca_file=str(tmp_path / "ca.pem")))
    assert way.tls is not None
    assert way.port == 8883
    assert way.tls.verify_mode is ssl.CERT_REQUIRED
    assert way.tls.check_hostname
    assert not [name for name in MqttConfig.__struct_fields__ if "insecure" in name or "verify" in name]


def test_one_installation_speaks_once(tmp_path: Path) -> None:
    """A second mien with the same node and state directory is refused while the first runs."""
    kitchen = broker.lock("kitchen", tmp_path)
    with kitchen, broker.lock("hall", tmp_path), pytest.raises(ConfigError, match="kitchen"):
        broker.lock("kitchen", tmp_path)
    broker.lock("kitchen", tmp_path).close()


def test_node_defaults_to_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host's name is made fit for topics; one that leaves nothing is told."""
    monkeypatch.setattr("platform.node", lambda: "Wohn_Zimmer Pi.local")
    assert broker.node_of(MqttConfig()) == "wohn_zimmer-pi"
    monkeypatch.setattr("platform.node", lambda: "...")
    with pytest.raises(ConfigError, match=r"mqtt\.node"):
        broker.node_of(MqttConfig())


def test_a_local_broker_needs_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    """A password that never leaves the machine is no danger."""
    with caplog.at_level(logging.WARNING):
        for host in ("localhost", "127.0.0.1", "::1"):
            broker.BrokerSettings.of(MqttConfig(host=host, username="u"))
    assert not caplog.records
