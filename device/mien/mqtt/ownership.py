"""Two machines, one name: who speaks. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from mien.mqtt.payloads import InstancePayload


@dataclass(slots=True)
class NodeClaim:
    """What is known of the node's name while one machine asks for it.

    The rule: who is there, stays. Where both came at once the one that began first stays, by its own clock.
    """

    mine: InstancePayload
    held_by: InstancePayload | None = None
    holder_is_online: bool = False
    speaking: bool = False

    def ask(self) -> None:
        """A connection has come: forget what another connection taught."""
        self.held_by, self.holder_is_online, self.speaking = None, False, False

    def hear(self, instance: InstancePayload, *, retained: bool) -> bool:
        """An announcement came; whether to say one's own again, for another has just written over it."""
        if instance.id == self.mine.id:
            return False
        if not self.speaking or not retained:
            self.held_by = instance
        return self.speaking and not retained and not self.is_lost()

    def is_lost(self) -> bool:
        """Whether the name is another's: while asking, one who is online; while speaking, one who began earlier."""
        other = self.held_by
        if other is None:
            return False
        if self.speaking:
            return (other.since, other.id) < (self.mine.since, self.mine.id)
        return self.holder_is_online

    def words(self, node: str) -> str:
        """What to tell the person who gave two machines one name."""
        assert self.held_by is not None
        return (
            f"another machine, {self.held_by.host[:100]!r}, already speaks as node {node!r}, so this one says nothing: "
            "set another mqtt.node on one of them"
        )
