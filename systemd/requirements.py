"""Print what a wheel needs on this machine, a requirement a line: python systemd/requirements.py WHEEL MACHINE.

MACHINE is that of the userland, such as armv7l. pip would decide by the kernel's: on a 64-bit kernel below a 32-bit
system it would ask for LiteRT, which has no 32-bit wheel.
"""

from __future__ import annotations

import sys
from email import message_from_bytes
from zipfile import ZipFile

from pip._vendor.packaging.requirements import Requirement  # of the environment that is being made


def requirements(metadata: bytes, machine: str) -> list[str]:
    """Return the requirements in a wheel's METADATA, those for another machine and those of extras left out."""
    needed = []
    for line in message_from_bytes(metadata).get_all("Requires-Dist", []):
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"platform_machine": machine, "extra": ""}):
            requirement.marker = None
            needed.append(str(requirement))
    return needed


def main(wheel: str, machine: str) -> None:
    """Print the requirements of a wheel."""
    with ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        print("\n".join(requirements(archive.read(name), machine)))


if __name__ == "__main__":
    main(*sys.argv[1:])
