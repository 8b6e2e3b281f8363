"""Which of two machines may publish under a node's name. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from mien.mqtt.payloads import HelloPayload, InstancePayload, encode

HELLO_TIMEOUT = 3.0
"""Seconds to wait for one's own hello: a broker whose access rules forbid it must not keep the node offline."""


@dataclass(slots=True)
class NodeClaim:
    """One machine's claim to a node's name on one connection.

    The rule: the machine that is online keeps the name. Of two that connect at once the one that started first, each
    by its own clock, keeps it. The claim is decided when the machine's own hello comes back, for the broker sends
    everything that it retains before it.
    """

    own: InstancePayload
    holder: InstancePayload | None = None
    holder_is_online: bool = False
    owned: bool = False
    hello: bytes = b""
    requests: int = 0
    requested_at: float | None = None
    """Seconds on the steady clock; None when the claim is decided."""

    def request(self, now: float) -> bytes:
        """Begin a claim on a new connection; return the hello to be published. now: seconds on the steady clock."""
        self.holder, self.holder_is_online, self.owned = None, False, False
        self.requests += 1
        self.requested_at = now
        own = self.own
        self.hello = encode(HelloPayload(id=own.id, host=own.host, since=own.since, ask=self.requests))
        return self.hello

    def is_ready(self, now: float, hello: bytes = b"") -> bool:
        """Return whether to decide: a hello that came is this claim's, or none has come in time."""
        if self.requested_at is None:
            return False
        return hello == self.hello or now - self.requested_at > HELLO_TIMEOUT

    def decide(self) -> bool:
        """Return whether the name is this machine's from now on."""
        self.requested_at = None
        self.owned = not self.is_lost()
        if self.owned:
            self.holder = None
        return self.owned

    def give_up(self) -> None:
        """Leave the name to the other machine until the next connection."""
        self.owned, self.requested_at = False, None

    def on_announcement(self, instance: InstancePayload, *, retained: bool) -> bool:
        """Handle a machine's announcement; return whether to repeat one's own, which it has overwritten."""
        if instance.id == self.own.id:
            return False
        if not self.owned or not retained:
            self.holder = instance
        return self.owned and not retained and not self.is_lost()

    def is_lost(self) -> bool:
        """Return whether another machine has the name.

        That is one that is online while this one claims it, or one that started earlier while this one has it.
        """
        other = self.holder
        if other is None:
            return False
        if self.owned:
            return (other.since, other.id) < (self.own.since, self.own.id)
        return self.holder_is_online

    def describe(self, node: str) -> str:
        """Return the log's sentence for a person who gave two machines one name."""
        assert self.holder is not None
        return (
            f"another machine, {self.holder.host[:100]!r}, already uses the node name {node!r}, so this one publishes "
            "nothing: set another mqtt.node on one of them"
        )
