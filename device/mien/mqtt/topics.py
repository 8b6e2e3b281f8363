"""Every topic in one place."""

from __future__ import annotations

import re
from dataclasses import dataclass

ROOT = "mien"
ONLINE, OFFLINE = b"online", b"offline"

HOME_ASSISTANT_STATUS = "homeassistant/status"
"""Where Home Assistant says "online" when it has started: its birth message."""

NODE_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,31}$"
"""A node's name: it is part of topics, of entity ids and of a file's name."""

FIRST_LEVELS = ("state", "event", "availability", "camera", "diag", "settings", "music", "instance")


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of one node. All but event, hello and the commands are retained."""

    node: str

    def of(self, name: str) -> str:
        """One of FIRST_LEVELS, or hello."""
        return f"{ROOT}/{self.node}/{name}"

    def command(self, name: str) -> str:
        """Where a command is given."""
        return f"{ROOT}/{self.node}/{name}/set"

    @property
    def commands(self) -> str:
        """The filter for all commands."""
        return self.command("+")

    @property
    def all(self) -> str:
        """The filter for all that the node says and hears."""
        return f"{ROOT}/{self.node}/#"

    @property
    def discovery(self) -> str:
        """Where Home Assistant learns of the device."""
        return f"homeassistant/device/mien_{self.node}/config"


def split(topic: str) -> tuple[str, str] | None:
    """The (node, name) of a topic such as mien/kitchen/state; None where it is not of that shape."""
    parts = topic.split("/")
    if len(parts) != 3 or parts[0] != ROOT or not re.match(NODE_PATTERN, parts[1]) or parts[2] not in FIRST_LEVELS:
        return None
    return parts[1], parts[2]
