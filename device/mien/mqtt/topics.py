"""The names of all topics."""

from __future__ import annotations

import re
from dataclasses import dataclass

ROOT = "mien"
ONLINE, OFFLINE = b"online", b"offline"

HOME_ASSISTANT_STATUS = "homeassistant/status"
"""The topic of Home Assistant's birth message, "online", which it publishes when it has started."""

NODE_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,31}$"
"""A node's name: it is part of topics, of entity ids and of a file's name."""

TOPIC_NAMES = ("state", "event", "availability", "camera", "diag", "settings", "music", "learning", "instance")
"""The topics of a node for its clients; beside them are hello and the commands."""


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of one node. All but event, hello and the commands are retained."""

    node: str

    def of(self, name: str) -> str:
        """Return the topic of one of TOPIC_NAMES, or of hello."""
        return f"{ROOT}/{self.node}/{name}"

    def command(self, name: str) -> str:
        """Return the topic on which a command is received."""
        return f"{ROOT}/{self.node}/{name}/set"

    @property
    def commands(self) -> str:
        """The filter of all commands."""
        return self.command("+")

    @property
    def all(self) -> str:
        """The filter of all the node's topics, commands included."""
        return f"{ROOT}/{self.node}/#"

    @property
    def discovery(self) -> str:
        """The topic of Home Assistant's device discovery."""
        return f"homeassistant/device/mien_{self.node}/config"


def parse_topic(topic: str) -> tuple[str, str] | None:
    """Return the (node, name) of a topic such as mien/kitchen/state; None for any other topic."""
    parts = topic.split("/")
    if len(parts) != 3 or parts[0] != ROOT or not re.match(NODE_PATTERN, parts[1]) or parts[2] not in TOPIC_NAMES:
        return None
    return parts[1], parts[2]
