"""What the kernel reports of the board."""

from __future__ import annotations

from pathlib import Path

_THERMAL_ZONE = Path("/sys/class/thermal/thermal_zone0/temp")
_MODEL = Path("/proc/device-tree/model")


def soc_temperature() -> float | None:
    """Return the temperature of the processor in degrees Celsius; None where the kernel does not report it."""
    try:
        return int(_THERMAL_ZONE.read_text(encoding="ascii")) / 1000
    except (OSError, ValueError):
        return None


def board_model() -> str:
    """Return a name such as "Raspberry Pi 4 Model B Rev 1.5"; empty where the kernel does not report it."""
    try:
        return _MODEL.read_text(encoding="ascii", errors="replace").strip("\0\n ")[:100]
    except OSError:
        return ""
