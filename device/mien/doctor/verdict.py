"""The result of a check: a state, a sentence, and the cure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, Literal, NamedTuple, TypeVar

import msgspec

from mien.doctor.subject import Subject

CheckState = Literal["good", "advice", "bad", "skipped"]
"""advice: mien works, and would work better. skipped: not configured, or it cannot be checked here or now."""

Facts = TypeVar("Facts")


class Verdict(NamedTuple):
    """sentence: what was found out. cure: what to do, where it is not good; often a command."""

    state: CheckState
    sentence: str
    cure: str = ""


class CheckResult(msgspec.Struct, frozen=True):
    """A verdict with the name of its check, as it is printed and as JSON."""

    name: str
    state: CheckState
    sentence: str
    cure: str = ""


@dataclass(frozen=True)
class Check(Generic[Facts]):
    """One check: a function without I/O.

    needs: the checks that must be good before this one means anything; otherwise it is skipped.
    """

    function: Callable[[Facts], Verdict]
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class CheckGroup(Generic[Facts]):
    """Checks that share their facts.

    gather: collects the facts, and may take its time: it runs beside the other groups, within a deadline. checks: by
    name. needs: checks of other groups without which the facts are not gathered.
    """

    gather: Callable[[Subject], Facts]
    checks: Mapping[str, Check[Facts]]
    needs: tuple[str, ...] = field(default=())


def good(sentence: str) -> Verdict:
    """Return a verdict: nothing is to be done."""
    return Verdict("good", sentence)


def advice(sentence: str, cure: str) -> Verdict:
    """Return a verdict: it works, and would work better."""
    return Verdict("advice", sentence, cure)


def bad(sentence: str, cure: str) -> Verdict:
    """Return a verdict: it does not work."""
    return Verdict("bad", sentence, cure)


def skipped(sentence: str) -> Verdict:
    """Return a verdict: it was not checked, and why."""
    return Verdict("skipped", sentence)
