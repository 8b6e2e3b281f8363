"""The broker: reached, login accepted, topics permitted; and Home Assistant."""

from __future__ import annotations

import contextlib
from datetime import datetime

from mien.doctor.facts import BrokerFacts
from mien.doctor.probes.broker_probe import probe_broker
from mien.doctor.subject import Subject
from mien.doctor.verdict import Check, CheckGroup, Verdict, advice, bad, good, skipped
from mien.service.mqtt_output import BIRTH_FILE


def gather(subject: Subject) -> BrokerFacts:
    """Connect to the broker, where one is configured, and read when the daemon last received Home Assistant's birth."""
    facts = probe_broker(subject.config.mqtt)
    if subject.state is not None:
        with contextlib.suppress(OSError):
            facts.birth = (subject.state / BIRTH_FILE).stat().st_mtime
    return facts


def check_broker(facts: BrokerFacts) -> Verdict:
    """Check that the broker is reached."""
    if not facts.configured:
        return skipped("No broker is configured ([mqtt] host).")
    if facts.setup_fault:
        sentence, _, reason = facts.setup_fault.partition(": ")
        return (
            bad(facts.setup_fault, f"correct {sentence.split()[0]} in [mqtt] of the configuration")
            if reason
            else bad(facts.setup_fault, "correct [mqtt] in the configuration")
        )
    if facts.fault and not facts.refused:
        reason, _, cure = facts.fault.partition("; ")
        return bad(
            f"No connection to {facts.address}: {reason}.",
            cure or "start the broker (sudo systemctl start mosquitto), and check mqtt.host, mqtt.port and the network",
        )
    return good(f"{facts.address} replies.")


def check_login(facts: BrokerFacts) -> Verdict:
    """Check that the broker accepts the login, and that its password is safe."""
    if facts.refused:
        reason = facts.fault.removeprefix("it refused the connection: ").split(". ")[0]
        return bad(
            f"The broker refuses the login: {reason}.",
            "put the broker's user into mqtt.username and its password into mqtt.password_file (mosquitto_passwd "
            "sets it at the broker)",
        )
    for warning in facts.warnings:
        sentence, _, cure = warning.rpartition(": ")
        return advice(f"{sentence}.", cure.rstrip("."))
    return good("The broker accepts the login.")


def check_rights(facts: BrokerFacts) -> Verdict:
    """Check that this user may write and read mien's and Home Assistant's topics."""
    silent = [topic for topic in facts.expected if topic not in facts.echoes]
    if silent:
        roots = " and ".join(f"{topic.partition('/')[0]}/#" for topic in silent)
        return bad(
            f"What is written under {roots} does not come back.",
            f"allow this user to read and write {roots} in the broker's access rules "
            f"(acl_file: {', '.join('topic readwrite ' + root for root in roots.split(' and '))})",
        )
    return good("This user may read and write mien/# and homeassistant/#.")


def check_home_assistant(facts: BrokerFacts) -> Verdict:
    """Check that Home Assistant's birth message came, and that mien's device is announced to it."""
    device = f"the device of node {facts.node} is announced" if facts.discovery else "no device is announced yet"
    if facts.status == "online":
        return good(f"Home Assistant is online; {device}.")
    if facts.status:
        return advice(
            f"Home Assistant is {facts.status}.", "start it, and check Settings > Devices & services > MQTT there"
        )
    if facts.birth:
        day = datetime.fromtimestamp(facts.birth).astimezone()
        return good(f"Its last birth message came on {day:%Y-%m-%d at %H:%M}; {device}.")
    return skipped(f"No birth message of Home Assistant came so far, as it sends one only when it starts; {device}.")


GROUP = CheckGroup(
    gather,
    {
        "broker": Check(check_broker),
        "login": Check(check_login, ("broker",)),
        "rights": Check(check_rights, ("login",)),
        "Home Assistant": Check(check_home_assistant, ("rights",)),
    },
    needs=("configuration",),
)
