"""Which machine owns a node's name."""

from __future__ import annotations

from mien.mqtt import payloads
from mien.mqtt.ownership import HELLO_TIMEOUT, NodeClaim


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


def test_a_claim_is_decided_by_its_own_hello_or_a_timeout() -> None:
    """Neither another machine's hello nor that of an earlier connection decides a claim; waiting too long does."""
    claim = NodeClaim(instance("new", 2))
    assert not claim.is_ready(0.0)
    earlier = claim.request(0.0)
    hello = claim.request(10.0)
    assert not claim.is_ready(10.1, earlier)
    assert not claim.is_ready(10.1)
    assert claim.is_ready(10.1, hello)
    assert claim.is_ready(10.1 + HELLO_TIMEOUT)
    assert claim.decide()
    assert claim.owned
    assert not claim.is_ready(20.0, hello)


def test_a_lost_claim_is_given_up_until_the_next_connection() -> None:
    """A claim that another machine holds is not owned; after a new request it can be."""
    claim = NodeClaim(instance("new", 2))
    claim.request(0.0)
    claim.on_announcement(instance("old", 1), retained=True)
    claim.holder_is_online = True
    assert not claim.decide()
    claim.give_up()
    assert not claim.is_ready(100.0)
    claim.request(100.0)
    assert claim.decide()
