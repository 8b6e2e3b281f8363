"""The verdicts on clock, power, temperature, disk and card."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.config import Config
from mien.doctor.checks import machine_checks as checks
from mien.doctor.facts import MachineFacts
from mien.doctor.subject import Subject
from mien.doctor.system import Completed
from mien.doctor.verdict import Verdict
from tests.fakes.machine import FakeMachine
from tests.mien.doctor.checks.verdicts import assert_verdict

FINE = MachineFacts(
    wall=1_795_000_000.0,
    synchronized=True,
    throttled=0,
    temperature=50.0,
    free=8 * 10**9,
    total=32 * 10**9,
    file_system_errors=0,
    worn=1,
)


@pytest.mark.parametrize("check", [each.function for each in checks.GROUP.checks.values()])
def test_all_is_well(check: Callable[[MachineFacts], Verdict]) -> None:
    """By every check, without a cure."""
    assert check(FINE)[::2] == ("good", "")


@pytest.mark.parametrize(
    ("check", "changes", "state", "sentence", "cure"),
    [
        (checks.check_clock, {"wall": 1_000_000.0}, "bad", "1970", "set-ntp"),
        (checks.check_clock, {"synchronized": False}, "advice", "not synchronized", "set-ntp"),
        (checks.check_clock, {"synchronized": None}, "skipped", "Nothing reports", ""),
        (checks.check_power, {"throttled": 0x50005}, "bad", "too low now", "power supply"),
        (checks.check_power, {"throttled": 0x50000}, "advice", "since the start", "power supply"),
        (checks.check_power, {"throttled": 0x8}, "good", "high enough", ""),
        (checks.check_power, {"throttled": None}, "skipped", "Only a Pi", ""),
        (checks.check_temperature, {"temperature": 84.2}, "bad", "84 degrees", "heat sink"),
        (checks.check_temperature, {"temperature": 72.0}, "advice", "72 degrees", "heat sink"),
        (checks.check_temperature, {"throttled": 0x8}, "bad", "slows", "heat sink"),
        (checks.check_temperature, {"throttled": 0x50005}, "good", "50 degrees", ""),
        (checks.check_temperature, {"temperature": None}, "skipped", "does not report", ""),
        (checks.check_disk, {"free": 10_000_000}, "bad", "10 MB", "apt clean"),
        (checks.check_disk, {"free": 300_000_000}, "advice", "300 MB", "apt clean"),
        (checks.check_disk, {"free": None}, "skipped", "does not report", ""),
        (checks.check_card, {"file_system_errors": 3}, "bad", "3 errors", "replace"),
        (checks.check_card, {"worn": 10}, "advice", "100 %", "backup"),
        (checks.check_card, {"worn": None, "file_system_errors": None}, "skipped", "neither", ""),
        (checks.check_card, {"worn": None}, "good", "no errors", ""),
    ],
)
def test_each_fault_has_its_sentence_and_its_cure(
    check: Callable[[MachineFacts], Verdict], changes: dict[str, Any], state: str, sentence: str, cure: str
) -> None:
    """Too low a voltage is no heat, and heat is no low voltage."""
    verdict = check(msgspec.structs.replace(FINE, **changes))
    assert_verdict(verdict, state, sentence, cure)


def test_facts_are_read_from_the_machine(tmp_path: Path) -> None:
    """From vcgencmd, timedatectl and the kernel."""
    machine = FakeMachine(tmp_path)
    facts = checks.gather(Subject(machine, Config(), state=tmp_path))
    assert abs(facts.wall - time.time()) < 100
    assert (facts.synchronized, facts.throttled, facts.temperature) == (True, 0, 51.0)
    assert (facts.free, facts.total) == (8 * 10**9, 32 * 10**9)
    assert (facts.file_system_errors, facts.worn) == (0, 2)


def test_a_machine_that_reports_nothing(tmp_path: Path) -> None:
    """Is a desktop, and nothing is wrong with it; the kernel's temperature is read where vcgencmd is missing."""
    machine = FakeMachine(tmp_path / "bare")
    machine.programs = {"timedatectl": Completed(1, "", "Failed to connect to bus"), "vcgencmd": Completed(None)}
    machine.usage = None
    for path in ("sys/fs/ext4/mmcblk0p2/errors_count", "sys/block/mmcblk0/device/life_time"):
        (machine.root / path).unlink()
    subject = Subject(machine, Config())
    facts = checks.gather(subject)
    assert msgspec.structs.replace(facts, wall=0.0) == MachineFacts()
    for name, check in checks.GROUP.checks.items():
        assert check.function(facts).state == "skipped", name
    machine.write("/sys/class/thermal/thermal_zone0/temp", "48312\n")
    assert checks.gather(subject).temperature == 48.312


class OddMachine(FakeMachine):
    """A machine all of whose programs and files hold one text."""

    text = ""

    def run(self, *_command: str, **_options: object) -> Completed:
        return Completed(0, self.text)

    def read(self, _path: str) -> str:
        return self.text


@pytest.fixture(scope="module")
def odd_machine(tmp_path_factory: pytest.TempPathFactory) -> OddMachine:
    return OddMachine(tmp_path_factory.mktemp("odd"))


@given(text=st.text(max_size=40) | st.from_regex(r"(temp=|throttled=0x|0x)?[0-9a-f. x]{0,12}", fullmatch=True))
def test_no_output_of_a_program_is_a_fault_of_ours(odd_machine: OddMachine, text: str) -> None:
    """Whatever vcgencmd, timedatectl and the kernel write."""
    odd_machine.text = text
    facts = checks.gather(Subject(odd_machine, Config()))
    for check in checks.GROUP.checks.values():
        assert check.function(facts).sentence
