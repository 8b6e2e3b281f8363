"""The file of what was learned: numbers only, private, bounded; whatever else lies there is refused in one sentence."""

from __future__ import annotations

import contextlib
import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mien.calibration import MAX_PEOPLE
from mien.errors import LearningError
from mien.service import people
from mien.service.people import PeopleStore, StoredExpression, StoredPerson, load_household
from mien.state import locked
from tests.fakes.contracts import PLAIN

CONTRACT = msgspec.structs.replace(PLAIN, class_means=tuple(map(tuple, (6 * np.eye(7) - 6 / 7).tolist())))
MEAN = (4.0, -1.0, -1.0, -1.0, -1.0, 0.0, 0.0)
PERSON = StoredPerson(
    network=CONTRACT.network_sha256,
    strength=1.0,
    expressions={"neutral": StoredExpression(mean=MEAN, spread=0.5, count=5, learned="2026-11-26")},
)


@pytest.fixture
def store(tmp_path: Path) -> PeopleStore:
    return PeopleStore(tmp_path)


def test_people_are_kept_and_removed(store: PeopleStore) -> None:
    """What is put is read back, one person replaces nobody else, and removing is reported."""
    assert store.read() == {}
    store.put("Ann", PERSON)
    store.put("Zoë B.", msgspec.structs.replace(PERSON, strength=0.5))
    store.put("Ann", msgspec.structs.replace(PERSON, strength=0.25))
    assert {name: person.strength for name, person in store.read().items()} == {"Ann": 0.25, "Zoë B.": 0.5}
    assert store.remove("Ann")
    assert not store.remove("Ann")
    assert list(store.read()) == ["Zoë B."]
    assert store.clear()
    assert not store.clear()
    assert store.read() == {}


def test_the_file_is_private_and_holds_numbers_only(store: PeopleStore) -> None:
    """Mode 0600; beside names, labels, dates and the network's digest there is nothing but numbers."""
    store.put("Ann", PERSON)
    assert store.path.stat().st_mode & 0o777 == 0o600
    content = json.loads(store.path.read_text())
    [(label, expression)] = content["people"]["Ann"].pop("expressions").items()
    assert label == "neutral"
    assert set(expression) == {"mean", "spread", "count", "learned"}
    assert set(content["people"]["Ann"]) == {"network", "strength"}


def test_a_household_is_bounded(store: PeopleStore) -> None:
    """The seventeenth person is refused, and the others stay."""
    for number in range(MAX_PEOPLE):
        store.put(f"person {number}", PERSON)
    with pytest.raises(LearningError, match="forget NAME"):
        store.put("one more", PERSON)
    assert len(store.read()) == MAX_PEOPLE


def changed(**changes: Any) -> bytes:
    """Return a file's content with other values of one expression of Ann's."""
    content = {"format": 1, "people": {"Ann": msgspec.to_builtins(PERSON)}}
    content["people"]["Ann"]["expressions"]["neutral"] |= changes  # type: ignore[index]
    return json.dumps(content).encode()


def named(name: str) -> bytes:
    return json.dumps({"format": 1, "people": {name: msgspec.to_builtins(PERSON)}}).encode()


BAD_CONTENT = {
    "empty": b"",
    "not JSON": b"\x00\xff\x1b[2J",
    "another format": b'{"format": 2, "people": {}}',
    "no object": b"[]",
    "deep": b"[" * 100_000,
    "huge": b" " * (300 << 10),
    "a foreign key": b'{"format": 1, "people": {}, "pictures": []}',
    "six numbers": changed(mean=[0.0] * 6),
    "text for a number": changed(mean=["0"] * 7),
    "NaN": changed(mean=[float("nan")] * 7),
    "infinite": changed(spread=float("inf")),
    "too large a number": changed(mean=[1e9] * 7),
    "an overflowing number": changed(mean=[0.0] * 7).replace(b"[0.0,", b"[1e999,"),
    "no reading": changed(count=0),
    "no date": changed(learned="\x1b[31mnow"),
    "a control character": named("Ann\x1b[2J"),
    "an empty name": named(""),
    "a long name": named("x" * 41),
    "a lone surrogate": named("\ud800"),
    "thousands of people": json.dumps(
        {"format": 1, "people": {str(number): msgspec.to_builtins(PERSON) for number in range(1000)}}
    ).encode(),
    "an unknown expression": changed().replace(b'"neutral"', b'"bored"'),
    "no expression": b'{"format": 1, "people": {"Ann": {"network": "%s", "strength": 1, "expressions": {}}}}'
    % (b"0" * 64),
    "no digest": changed().replace(b"0" * 64, b"../../etc"),
}


@pytest.mark.parametrize("content", BAD_CONTENT.values(), ids=BAD_CONTENT)
def test_bad_content_is_refused(store: PeopleStore, content: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """In one printable sentence with the remedy; the daemon logs it once and goes on without."""
    store.path.write_bytes(content)
    with pytest.raises(LearningError, match="mien learn forget") as caught:
        store.read()
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400
    with caplog.at_level(logging.WARNING):
        assert load_household(CONTRACT, store) is None
    assert len(caplog.records) == 1
    with pytest.raises(LearningError):
        store.put("Ann", PERSON)
    assert store.path.read_bytes() == content
    assert store.clear()


def link(path: Path) -> None:
    target = path.with_name("target")
    target.write_bytes(named("Ann"))
    path.symlink_to(target)


KINDS: dict[str, Callable[[Path], object]] = {
    "a symbolic link": link,
    "a link to a device": lambda path: path.symlink_to("/dev/zero"),
    "a pipe": os.mkfifo,
    "a folder": Path.mkdir,
}


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_what_is_no_file_is_refused(store: PeopleStore, make: Callable[[Path], object]) -> None:
    """At once, without following a link or waiting for a pipe's other end."""
    make(store.path)
    with pytest.raises(LearningError, match="cannot be used"):
        store.read()
    assert load_household(CONTRACT, store) is None


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=300)
    | st.recursive(
        st.none() | st.floats() | st.text(),
        lambda inner: st.dictionaries(
            st.sampled_from(["format", "people", "Ann", "expressions", "neutral", "mean"]) | st.text(), inner
        ),
    ).map(lambda value: json.dumps(value).encode())
)
def test_any_content_is_read_or_refused(store: PeopleStore, content: bytes) -> None:
    """Nothing but LearningError is raised."""
    store.path.write_bytes(content)
    with contextlib.suppress(LearningError):
        store.read()


def test_another_network_does_not_count(store: PeopleStore, caplog: pytest.LogCaptureFixture) -> None:
    """Who was learned with another network is left out, with a sentence; the others count."""
    store.put("Ann", PERSON)
    store.put("Bob", msgspec.structs.replace(PERSON, network="1" * 64))
    household = load_household(CONTRACT, store)
    assert household is not None
    assert list(household.people) == ["Ann"]
    assert "Bob was learned with another network" in caplog.text
    assert "mien learn" in caplog.text
    store.remove("Ann")
    assert load_household(CONTRACT, store) is None


def test_a_locked_file_is_a_sentence(store: PeopleStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two that write wait for each other, but not for ever."""
    monkeypatch.setattr(people, "_LOCK_TIMEOUT", 0.0)
    with locked(store.path.with_suffix(".lock")), pytest.raises(LearningError, match="Another mien"):
        store.put("Ann", PERSON)


def test_a_file_that_cannot_be_written_is_a_sentence(store: PeopleStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk keeps the former state."""
    store.put("Ann", PERSON)

    def full(_path: Path, _content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(people, "replace_file", full)
    with pytest.raises(LearningError, match="No space left"):
        store.put("Bob", PERSON)
    assert list(store.read()) == ["Ann"]


def test_without_a_state_directory_nothing_was_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading needs no directory: nothing was learned where none can be."""
    monkeypatch.setenv("STATE_DIRECTORY", "/proc/nowhere")
    assert people.open_store() is None
    assert load_household(CONTRACT) is None
