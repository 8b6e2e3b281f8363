"""Every check, run beside each other within a deadline, whatever hangs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from queue import Empty, SimpleQueue
from typing import Any

from mien.doctor.checks import (
    broker_checks,
    camera_checks,
    machine_checks,
    player_checks,
    service_checks,
    setup_checks,
    vision_checks,
)
from mien.doctor.subject import Subject
from mien.doctor.verdict import CheckGroup, CheckResult, Verdict, bad, skipped
from mien.errors import MienError

GROUPS: tuple[CheckGroup[Any], ...] = (
    setup_checks.GROUP,
    vision_checks.GROUP,
    camera_checks.GROUP,
    broker_checks.GROUP,
    player_checks.GROUP,
    service_checks.GROUP,
    machine_checks.GROUP,
)
"""In the order in which they are printed."""

FIRST_DEADLINE, SECOND_DEADLINE = 9.0, 12.5
"""Seconds for the groups that need no other, and then for those that do."""

NAMES = tuple(name for group in GROUPS for name in group.checks)
"""Of all checks, in the order in which they are printed."""


def examine(
    subject: Subject,
    groups: Sequence[CheckGroup[Any]] = GROUPS,
    deadlines: tuple[float, float] = (FIRST_DEADLINE, SECOND_DEADLINE),
) -> list[CheckResult]:
    """Run every check and return the results in the groups' order, within the sum of the deadlines (seconds)."""
    verdicts: dict[str, Verdict] = {}
    first = [group for group in groups if not group.needs]
    second = [group for group in groups if group.needs]
    for some, deadline in ((first, deadlines[0]), (second, deadlines[1])):
        _run_groups(some, subject, verdicts, deadline)
    return [CheckResult(name, *verdicts[name]) for group in groups for name in group.checks]


def is_bad(results: Sequence[CheckResult]) -> bool:
    """Return whether something does not work."""
    return any(result.state == "bad" for result in results)


def _run_groups(
    groups: Sequence[CheckGroup[Any]], subject: Subject, verdicts: dict[str, Verdict], deadline: float
) -> None:
    """Gather the facts of some groups at once, then judge them; add the verdicts."""
    gathered: SimpleQueue[tuple[int, Any]] = SimpleQueue()
    waiting: set[int] = set()
    for index, group in enumerate(groups):
        if reason := _blocked(group.needs, verdicts):
            verdicts |= dict.fromkeys(group.checks, skipped(reason))
        else:
            waiting.add(index)
            threading.Thread(target=_gather, args=(index, group, subject, gathered), daemon=True).start()
    now = subject.system.clock.steady
    ends = now() + deadline
    while waiting:
        try:
            index, facts = gathered.get(timeout=max(0.0, ends - now()))
        except Empty:
            break
        waiting.discard(index)
        verdicts |= _judge(groups[index], facts, verdicts)
    for index in waiting:
        error = MienError(f"This check did not end within {deadline:.0f} s")
        verdicts |= _judge(groups[index], error, verdicts)


def _gather(index: int, group: CheckGroup[Any], subject: Subject, gathered: SimpleQueue[tuple[int, Any]]) -> None:
    """Put a group's facts on the queue, or the exception that gathering them raised."""
    try:
        gathered.put((index, group.gather(subject)))
    except Exception as error:
        gathered.put((index, error))


def _judge(group: CheckGroup[Any], facts: Any, earlier: Mapping[str, Verdict]) -> dict[str, Verdict]:
    """Return the verdict of each check of a group. facts: those gathered, or the exception instead."""
    if isinstance(facts, Exception):
        return _explain_failure(group, facts)
    verdicts: dict[str, Verdict] = {}
    for name, check in group.checks.items():
        reason = _blocked(check.needs, {**earlier, **verdicts})
        verdicts[name] = skipped(reason) if reason else _apply(check.function, facts)
    return verdicts


def _apply(function: Callable[[Any], Verdict], facts: Any) -> Verdict:
    try:
        return function(facts)
    except Exception as error:  # a check that fails hides no other
        return _unexpected(error)


def _explain_failure(group: CheckGroup[Any], error: Exception) -> dict[str, Verdict]:
    """Return the verdicts of a group without facts: the first check bears the failure."""
    first, *others = group.checks
    if isinstance(error, MienError):
        verdict = bad(f"{str(error).rstrip('.')}.", "run mien doctor again; if it stays so, restart the machine")
    else:
        verdict = _unexpected(error)
    return {first: verdict} | dict.fromkeys(others, skipped(f"Not checked until '{first}' is good."))


def _unexpected(error: Exception) -> Verdict:
    return bad(
        f"The check itself failed ({type(error).__name__}: {str(error)[:200]}).",
        "please report it, with mien doctor --report FILE",
    )


def _blocked(needs: Sequence[str], verdicts: Mapping[str, Verdict]) -> str:
    """Return why a check that needs others is skipped; empty where they are good."""
    for name in needs:
        verdict = verdicts.get(name)
        if verdict is not None and verdict.state == "skipped":
            return verdict.sentence
        if verdict is not None and verdict.state != "good":
            return f"Not checked until '{name}' is good."
    return ""
