"""The installation: versions, configuration, state directory, and whether NumPy and OpenCV fit each other."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version

from mien import __version__
from mien.doctor.checks.cures import pip_install
from mien.doctor.facts import SetupFacts
from mien.doctor.probes.child import describe_end, run_child
from mien.doctor.subject import Subject
from mien.doctor.verdict import Check, CheckGroup, Verdict, bad, good
from mien.service.board import board_model

_LIBRARIES_TIMEOUT = 8.0  # seconds; on a slow card OpenCV takes a few
_PACKAGES = (
    *("numpy", "opencv-python-headless", "opencv-python", "ai-edge-litert", "tflite-runtime", "msgspec", "paho-mqtt"),
    *("spotipy", "pillow", "picamera2"),
)


def gather(subject: Subject) -> SetupFacts:
    """Read the versions, and import the libraries in a process of its own."""
    facts = SetupFacts(
        versions=collect_versions(subject),
        config_path=str(subject.config_path or ""),
        config_fault=subject.config_fault,
        state=str(subject.state or ""),
        state_fault=subject.state_fault,
    )
    if subject.state is not None and not os.access(subject.state, os.R_OK | os.W_OK | os.X_OK):
        facts.state_fault = f"{subject.state} cannot be written by this user"
    libraries, done = run_child(subject.system, "libraries", subject.config, _LIBRARIES_TIMEOUT)
    facts.numpy, facts.opencv = str(libraries.get("numpy", "")), str(libraries.get("opencv", ""))
    facts.cascade, facts.library_end = libraries.get("cascade") == "True", describe_end(done)
    return facts


def collect_versions(subject: Subject) -> dict[str, str]:
    """Return the versions of mien, of what it is built on, and of the machine."""
    versions = {"mien": __version__, "Python": platform.python_version(), "machine": platform.machine()}
    for line in (subject.system.read("/etc/os-release") or "").splitlines():
        if line.startswith("PRETTY_NAME="):
            versions["system"] = line.partition("=")[2].strip('"')[:100]
    versions["kernel"] = platform.release()
    if board := board_model():
        versions["board"] = board
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def check_versions(facts: SetupFacts) -> Verdict:
    """Name what runs here."""
    names = ("system", "board")
    known = [facts.versions[name] for name in names if name in facts.versions]
    return good(
        f"mien {facts.versions.get('mien')}, Python {facts.versions.get('Python')}, "
        + ", ".join([facts.versions.get("machine", ""), *known])
        + "."
    )


def check_configuration(facts: SetupFacts) -> Verdict:
    """Check that the configuration can be used."""
    if facts.config_fault:
        path = f" --config {facts.config_path}" if facts.config_path else ""
        return bad(facts.config_fault, f"edit that file, then check it: mien config check{path}")
    return good(f"{facts.config_path} is valid." if facts.config_path else "No file: the built-in defaults apply.")


def check_state(facts: SetupFacts) -> Verdict:
    """Check that the state directory can be read and written."""
    if not facts.state_fault:
        return good(f"{facts.state} can be written.")
    if not facts.state:
        return bad(facts.state_fault, "set STATE_DIRECTORY to a folder that this user can write")
    return bad(
        f"{facts.state_fault}.",
        f"run this command as the user who owns it (stat -c %U {facts.state}), or give it back: "
        f"sudo chown -R USER {facts.state}",
    )


def check_libraries(facts: SetupFacts) -> Verdict:
    """Check that NumPy and OpenCV can be imported and work together."""
    if not facts.library_end:
        if not facts.cascade:
            return bad(f"OpenCV {facts.opencv} has no face cascade.", pip_install("'opencv-python-headless>=4.10,<5'"))
        return good(f"NumPy {facts.numpy} and OpenCV {facts.opencv} work together.")
    if not facts.numpy:
        return bad(f"NumPy {facts.library_end}.", pip_install("--force-reinstall 'numpy>=1.26,<3'"))
    reason = facts.library_end
    installed = facts.versions.get("opencv-python-headless") or facts.versions.get("opencv-python")
    if installed is None and "No module named 'cv2'" in reason:
        return bad("OpenCV is not installed.", pip_install("'opencv-python-headless>=4.10,<5'"))
    if any(text in reason for text in ("numpy", "_ARRAY_API", "multiarray")):
        return bad(f"OpenCV {installed or ''} does not work with NumPy {facts.numpy}: it {reason}.", _pairing(facts))
    return bad(
        f"OpenCV {installed or ''} {reason}.", pip_install("--force-reinstall 'opencv-python-headless>=4.10,<5'")
    )


def _pairing(facts: SetupFacts) -> str:
    """Return the command that installs a NumPy and an OpenCV that fit each other and this Python."""
    minor = facts.versions.get("Python", "3.12").split(".")[1]
    if int(minor) < 12:  # tflite-runtime needs NumPy 1, and OpenCV needs NumPy 2 from 4.12 on
        return pip_install("'numpy>=1.26,<2' 'opencv-python-headless>=4.10,<4.12'")
    return pip_install("'numpy>=2,<3' 'opencv-python-headless>=4.12,<5'")


GROUP = CheckGroup(
    gather,
    {
        "versions": Check(check_versions),
        "configuration": Check(check_configuration),
        "state": Check(check_state),
        "libraries": Check(check_libraries),
    },
)
