"""The parsing of topics."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mien.mqtt.topics import Topics, parse_topic


@given(st.text() | st.sampled_from(["mien/a/state", "mien/a/set", "mien/A/state", "mien/a/b/state"]))
def test_only_topics_of_nodes_are_parsed(topic: str) -> None:
    """Any other topic gives None; a node's topic is made of its parts again."""
    parts = parse_topic(topic)
    assert parts is None or Topics(parts[0]).of(parts[1]) == topic
