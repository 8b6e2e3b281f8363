"""Which machine owns a node's name."""

from __future__ import annotations

from mien.mqtt import payloads
from mien.mqtt.ownership import NodeClaim


def instance(name: str, since: float) -> payloads.InstancePayload:
    return payloads.InstancePayload(id=name, host=name, since=since)


def test_the_machine_that_is_online_keeps_the_name() -> None:
    """A claim is lost while another machine is online, and the reason contains its name."""
    claim = NodeClaim(instance("new", 2))
    claim.on_announcement(instance("old", 9), retained=True)
    assert not claim.is_lost()
    claim.holder_is_online = True
    assert claim.is_lost()
    assert "'old'" in claim.describe("kitchen")
    assert "mqtt.node" in claim.describe("kitchen")


def test_of_two_that_connect_at_once_one_keeps_the_name() -> None:
    """Both own the name before either announcement arrives: the one that started first keeps it."""
    first, second = NodeClaim(instance("a", 1), owned=True), NodeClaim(instance("b", 2), owned=True)
    assert first.on_announcement(second.own, retained=False)
    assert not first.is_lost()
    assert not second.on_announcement(first.own, retained=False)
    assert second.is_lost()
