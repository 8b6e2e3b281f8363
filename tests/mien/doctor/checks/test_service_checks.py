"""The verdicts on the systemd unit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mien.config import Config
from mien.doctor.checks import service_checks as checks
from mien.doctor.facts import ServiceFacts
from mien.doctor.subject import Subject
from mien.doctor.system import Completed
from mien.doctor.verdict import Verdict
from tests.fakes.machine import HEALTHY_UNIT, FakeMachine
from tests.mien.doctor.checks.verdicts import assert_verdict


def facts(daemon: int = 0, groups: list[str] | None = None, **properties: str) -> ServiceFacts:
    groups = ["mien", "render", "video"] if groups is None else groups
    return ServiceFacts(present=True, properties=HEALTHY_UNIT | properties, daemon=daemon, groups=groups)


EXITED = {"ExecMainCode": "1"}


@pytest.mark.parametrize(
    ("check", "changes", "state", "sentence", "cure"),
    [
        (checks.check_service, {}, "good", "Watching", ""),
        (checks.check_service, {"LoadState": "not-found"}, "advice", "not installed", "install.sh"),
        (checks.check_service, {"LoadState": "not-found", "daemon": 7}, "good", "process 7", ""),
        (checks.check_service, {"LoadState": "bad-setting"}, "bad", "bad-setting", "systemd-analyze verify"),
        (checks.check_service, {"UnitFileState": "disabled"}, "advice", "does not start with", "systemctl enable"),
        (checks.check_service, {"ActiveState": "inactive"}, "advice", "does not run", "enable --now"),
        (checks.check_service, {"ActiveState": "failed"}, "bad", "failed", "journalctl"),
        (checks.check_service, {"ActiveState": "activating", "SubState": "auto-restart"}, "advice", "auto", "wait"),
        (checks.check_last_exit, {}, "good", "no failure", ""),
        (checks.check_last_exit, {"LoadState": "not-found"}, "skipped", "no service", ""),
        (checks.check_last_exit, {**EXITED, "ExecMainStatus": "0"}, "good", "no failure", ""),
        (checks.check_last_exit, {**EXITED, "ExecMainStatus": "3"}, "bad", "configuration", "mien config check"),
        (checks.check_last_exit, {**EXITED, "ExecMainStatus": "4"}, "bad", "camera", "'camera'"),
        (checks.check_last_exit, {"ExecMainCode": "2", "ExecMainStatus": "11"}, "bad", "signal 11", "report"),
        (checks.check_last_exit, {"ExecMainCode": "2", "ExecMainStatus": "15"}, "good", "no failure", ""),
        (checks.check_last_exit, {"Result": "watchdog"}, "bad", "no frame", "'frames'"),
        (checks.check_last_exit, {"Result": "oom-kill"}, "bad", "memory", "swap"),
        (checks.check_last_exit, {"NRestarts": "30"}, "advice", "30 times", "journalctl"),
        (checks.check_service_user, {}, "good", "may use cameras", ""),
        (checks.check_service_user, {"groups": ["mien", "render"]}, "bad", "group video", "usermod -aG video mien"),
        (checks.check_service_user, {"LoadState": "not-found"}, "skipped", "no service", ""),
    ],
)
def test_each_state_has_its_sentence_and_its_cure(
    check: Callable[[ServiceFacts], Verdict], changes: dict[str, Any], state: str, sentence: str, cure: str
) -> None:
    """As systemd reports it."""
    verdict = check(facts(**changes))
    assert_verdict(verdict, state, sentence, cure)


def test_a_missing_user_is_named() -> None:
    """With the command that makes it."""
    verdict = checks.check_service_user(ServiceFacts(present=True, properties=dict(HEALTHY_UNIT)))
    assert (verdict.state, verdict.cure) == ("bad", "sudo systemd-sysusers")


@pytest.mark.parametrize("check", [each.function for each in checks.GROUP.checks.values()])
def test_without_systemd_nothing_is_wrong(check: Callable[[ServiceFacts], Verdict]) -> None:
    """As in a container."""
    assert check(ServiceFacts()).state == "skipped"


def test_every_exit_code_is_explained() -> None:
    """Those of the documentation."""
    assert set(checks._EXIT_CODES) == set("123456")


def test_facts_are_read_from_systemd(tmp_path: Path) -> None:
    """Where it runs and replies."""
    machine = FakeMachine(tmp_path)
    subject = Subject(machine, Config())
    read = checks.gather(subject)
    assert read.properties == HEALTHY_UNIT
    assert read.groups == ["mien", "render", "video"]
    machine.groups.clear()
    assert checks.gather(subject).groups is None
    machine.unit.clear()
    assert checks.check_service(checks.gather(subject)).state == "advice"
    machine.run = lambda *_, **__: Completed(1)  # type: ignore[method-assign]
    assert not checks.gather(subject).present
