"""The examination: groups beside each other, within a deadline, whatever hangs or fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mien.config import Config
from mien.doctor.examination import GROUPS, NAMES, examine, is_bad
from mien.doctor.subject import Subject, open_subject
from mien.doctor.verdict import Check, CheckGroup, Verdict, advice, bad, good, skipped
from mien.errors import ConfigError
from tests.conftest import ROOT
from tests.fakes.machine import FakeMachine

Group = CheckGroup[object]


@pytest.fixture
def subject(tmp_path: Path) -> Subject:
    return Subject(FakeMachine(tmp_path), Config())


def group(
    *names: str, gather: Callable[[Subject], object] = lambda _: None, needs: tuple[str, ...] = (), **verdicts: Verdict
) -> Group:
    """Return a group whose checks return the given verdicts, and "good" otherwise; each needs the one before it."""
    checks = {
        name: Check[object](lambda _, name=name: verdicts.get(name, good(name)), names[index - 1 : index])  # type: ignore[misc]
        for index, name in enumerate(names)
    }
    return CheckGroup(gather, checks, needs)


def states(subject: Subject, *groups: Group, deadlines: tuple[float, float] = (30, 30)) -> dict[str, str]:
    return {result.name: result.state for result in examine(subject, groups, deadlines)}


def test_results_come_in_the_groups_order(subject: Subject) -> None:
    """Also where a group needs a later one."""
    assert list(states(subject, group("a", needs=("b",)), group("b", "c"))) == ["a", "b", "c"]


def test_what_needs_another_check_is_skipped_until_that_is_good(subject: Subject) -> None:
    """In its own group and in others, whose facts are not even gathered; a skipped one passes on its reason."""

    def gather(_: Subject) -> object:
        raise AssertionError

    first = group("a", "b", "c", a=bad("No.", "Yes."))
    assert states(subject, first, group("d", gather=gather, needs=("a",))) == {
        "a": "bad",
        "b": "skipped",
        "c": "skipped",
        "d": "skipped",
    }
    assert states(subject, group("a", "b", a=advice("Hm.", "Do.")))["b"] == "skipped"
    results = examine(subject, [group("a", "b", "c", a=skipped("It is off."))], (30, 30))
    assert [result.sentence for result in results] == ["It is off."] * 3


def test_whatever_hangs_the_examination_ends(subject: Subject) -> None:
    """The first check of the group that hangs bears it; the other groups are whole."""
    released = threading.Event()
    began = time.monotonic()
    hanging = group("a", "b", gather=lambda _: released.wait(30))
    result = states(subject, hanging, group("c"), group("d", needs=("c",)), group("e", needs=("a",)), deadlines=(1, 1))
    released.set()
    assert time.monotonic() - began < 5
    assert result == {"a": "bad", "b": "skipped", "c": "good", "d": "good", "e": "skipped"}


def test_an_exception_hides_no_other_check(subject: Subject) -> None:
    """An error of ours is its sentence; any other asks for a report."""

    def refuse(_: Subject) -> object:
        raise ConfigError("No state.")

    def fail(_: Subject) -> object:
        raise ZeroDivisionError("deep inside")

    failing = CheckGroup[object](lambda _: None, {"x": Check(lambda _: good(str(1 // 0))), "y": Check(good_check)})
    results = {r.name: r for r in examine(subject, [group("a", gather=refuse), group("b", gather=fail), failing])}
    assert {name: result.state for name, result in results.items()} == {"a": "bad", "b": "bad", "x": "bad", "y": "good"}
    assert results["a"].sentence == "No state."
    assert "report" not in results["a"].cure
    for name in ("b", "x"):
        assert "ZeroDivisionError" in results[name].sentence
        assert "--report" in results[name].cure


def good_check(_: object) -> Verdict:
    return good("Fine.")


def test_only_bad_is_bad(subject: Subject) -> None:
    """Neither advice nor what is skipped."""
    assert not is_bad(examine(subject, [group("a", "b", a=advice("Hm.", "Do."))]))
    assert is_bad(examine(subject, [group("a", a=bad("No.", "Do."))]))


def test_every_check_is_documented_once_and_needs_others_that_exist() -> None:
    """In docs/doctor.md, in the order in which they are printed."""
    text = (ROOT / "docs" / "doctor.md").read_text(encoding="utf-8").partition("## The checks")[2]
    documented = [line.split("`")[1] for line in text.splitlines() if line.startswith("| `")]
    assert documented == list(NAMES)
    assert len(set(NAMES)) == len(NAMES)
    for each in GROUPS:
        assert {*each.needs, *(need for check in each.checks.values() for need in check.needs)} <= set(NAMES)


def test_a_broken_configuration_stops_what_depends_on_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The subject is opened all the same; so it is without a state directory."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "file" / "state"))
    path = tmp_path / "mien.toml"
    path.write_text("[moo]\n")
    subject = open_subject(path, FakeMachine(tmp_path))
    assert "[moo]" in subject.config_fault
    assert "cannot be made" in subject.state_fault
    assert (subject.config, subject.state) == (Config(), None)
