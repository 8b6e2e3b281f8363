"""The machine: clock, power, temperature, disk and the wear of its card."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from mien.doctor.facts import MachineFacts
from mien.doctor.subject import Subject
from mien.doctor.system import System
from mien.doctor.verdict import Check, CheckGroup, Verdict, advice, bad, good, skipped

_BUILT = datetime(2026, 1, 1, tzinfo=UTC).timestamp()  # no clock that is right is behind this
_WARM, _HOT = 70.0, 80.0  # degrees Celsius; a Pi slows down from 80 on, a Pi 3B+ from 60
_LITTLE, _TOO_LITTLE = 500e6, 50e6  # bytes
_UNDERVOLTAGE, _TOO_HOT = 0x1, 0x8 | 0x4  # vcgencmd's bits; 16 bits higher: since the start
_SINCE_START = 16
_WORN_OUT = 9  # tenths of an eMMC's life
_THERMAL_ZONE = "/sys/class/thermal/thermal_zone0/temp"


def gather(subject: Subject) -> MachineFacts:
    """Read what the kernel, the firmware and the clock's service report."""
    system = subject.system
    facts = MachineFacts(
        wall=system.clock.wall(),
        synchronized=_read_synchronized(system),
        throttled=_read_throttled(system),
        temperature=_read_temperature(system),
        file_system_errors=_count_errors(system),
        worn=_read_wear(system),
    )
    usage = system.disk_usage(subject.state or Path("/"))
    if usage is not None:
        facts.free, facts.total = usage.free, usage.total
    return facts


def check_clock(facts: MachineFacts) -> Verdict:
    """Check that the clock is right: certificates, logins and quiet hours depend on it."""
    now = datetime.fromtimestamp(facts.wall).astimezone()
    cure = "connect the machine to the network, then sudo timedatectl set-ntp true"
    if facts.wall < _BUILT:
        return bad(f"The clock is wrong: it is set to {now:%Y-%m-%d}.", cure)
    if facts.synchronized is False:
        return advice(f"The clock is not synchronized; it is set to {now:%Y-%m-%d %H:%M %Z}.", cure)
    if facts.synchronized is None:
        return skipped(f"Nothing reports whether the clock is synchronized; it is set to {now:%Y-%m-%d %H:%M %Z}.")
    return good(f"It is synchronized; it is set to {now:%Y-%m-%d %H:%M %Z}.")


def check_power(facts: MachineFacts) -> Verdict:
    """Check that the supply's voltage is not too low."""
    if facts.throttled is None:
        return skipped("Only a Pi reports that (vcgencmd).")
    cure = "use the Pi's own power supply and a short cable"
    if facts.throttled & _UNDERVOLTAGE:
        return bad("The voltage is too low now, so that the Pi is slowed down.", cure)
    if facts.throttled >> _SINCE_START & _UNDERVOLTAGE:
        return advice("The voltage was too low since the start.", cure)
    return good("The voltage is high enough.")


def check_temperature(facts: MachineFacts) -> Verdict:
    """Check that the processor is neither hot nor slowed down by heat."""
    if facts.temperature is None:
        return skipped("The kernel does not report a temperature.")
    cure = 'add a heat sink or a fan, or set [vision] profile = "eco"'
    degrees = f"{facts.temperature:.0f} degrees Celsius"
    throttled = facts.throttled or 0
    # without too low a voltage, which slows it down as well
    slowed = throttled & _TOO_HOT if not throttled & _UNDERVOLTAGE else 0
    if facts.temperature >= _HOT or slowed:
        return bad(f"{degrees}: the heat slows the processor down.", cure)
    if facts.temperature >= _WARM:
        return advice(f"{degrees} is hot.", cure)
    return good(f"{degrees}.")


def check_disk(facts: MachineFacts) -> Verdict:
    """Check that there is room for the state."""
    if facts.free is None or facts.total is None:
        return skipped("The file system does not report its free space.")
    text = f"{_format_size(facts.free)} of {_format_size(facts.total)} are free"
    cure = "sudo apt clean; sudo journalctl --vacuum-size=50M; du -xh / | sort -h | tail shows what is large"
    if facts.free < _TOO_LITTLE:
        return bad(f"Only {text}: nothing can be saved soon.", cure)
    if facts.free < _LITTLE:
        return advice(f"Only {text}.", cure)
    return good(f"{text}.")


def check_card(facts: MachineFacts) -> Verdict:
    """Check that the card or disk has no errors and is not worn out."""
    if facts.file_system_errors:
        return bad(
            f"The kernel has counted {facts.file_system_errors} errors of the file system.",
            "copy what you need now; if they come back after a restart with fsck.mode=force, replace the card",
        )
    if facts.worn is not None and facts.worn >= _WORN_OUT:
        return advice(f"It has used {facts.worn * 10} % of its life or more.", "make a backup, and replace it soon")
    if facts.file_system_errors is None and facts.worn is None:
        return skipped("The kernel reports neither errors nor wear of this disk.")
    worn = "" if facts.worn is None else f"; at most {facts.worn * 10} % of its life are used"
    return good(f"The kernel has counted no errors{worn}.")


def _read_synchronized(system: System) -> bool | None:
    done = system.run("timedatectl", "show", "--property=NTPSynchronized", "--value")
    text = done.out.strip() if done is not None and done.code == 0 else ""
    return {"yes": True, "no": False}.get(text)


def _read_throttled(system: System) -> int | None:
    done = system.run("vcgencmd", "get_throttled")
    text = re.search(r"throttled=0x([0-9a-fA-F]{1,8})", done.out) if done is not None else None
    return int(text[1], 16) if text else None


def _read_temperature(system: System) -> float | None:
    done = system.run("vcgencmd", "measure_temp")
    text = re.search(r"temp=([0-9]{1,3}(?:\.[0-9]+)?)", done.out) if done is not None else None
    if text:
        return float(text[1])
    kernel = system.read(_THERMAL_ZONE) or ""
    return int(kernel) / 1000 if re.fullmatch(r"-?[0-9]{1,6}", kernel) else None


def _count_errors(system: System) -> int | None:
    """Return the errors of all ext4 file systems together."""
    counts = [system.read(path) or "" for path in system.glob("/sys/fs/ext4/*/errors_count")]
    return sum(int(count) for count in counts if count.isdecimal()) if counts else None


def _read_wear(system: System) -> int | None:
    """Return the larger of an eMMC's two estimates: tenths of its life that are used (JESD84-B51, 7.4.92)."""
    tenths = []
    for path in system.glob("/sys/block/mmcblk*/device/life_time"):
        tenths += [int(value, 16) for value in re.findall(r"0x([0-9a-fA-F]{2})", system.read(path) or "")]
    known = [value for value in tenths if value]  # 0 means that it is not known
    return max(known) if known else None


def _format_size(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


GROUP = CheckGroup(
    gather,
    {
        "clock": Check(check_clock),
        "power": Check(check_power),
        "temperature": Check(check_temperature),
        "disk": Check(check_disk),
        "card": Check(check_card),
    },
)
