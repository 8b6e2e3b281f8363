"""The parsing of `mien play --room`."""

from __future__ import annotations

import pytest

from mien.commands.play import parse_rooms
from mien.errors import UsageError


def test_rooms_are_checked() -> None:
    """ROOM=NODE,NODE gives rooms; anything else raises a UsageError."""
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
