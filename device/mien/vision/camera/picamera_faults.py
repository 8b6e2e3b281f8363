"""The sentence for a fault of the Pi's camera, from picamera2's exception and the ones that it was raised from."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_OTHERWISE = "or choose another camera with --camera"


def explain_import(error: Exception) -> str:
    """Return the sentence for an exception that importing picamera2 raised."""
    if isinstance(error, ModuleNotFoundError) and error.name == "picamera2":
        return (
            "picamera2 is not installed: run 'sudo apt install python3-picamera2' and make mien's environment "
            f"with --system-site-packages, {_OTHERWISE}."
        )
    reason = _describe(_root(error))
    if "numpy" in reason.lower():  # such as: numpy.dtype size changed, may indicate binary incompatibility
        import numpy as np

        wanted = "numpy<2" if int(np.__version__.split(".")[0]) >= 2 else "numpy>=2"
        return (
            f"picamera2 does not work with numpy {np.__version__} ({reason}): run pip install '{wanted}' in mien's "
            f"environment, {_OTHERWISE}."
        )
    return (
        f"picamera2 lacks a library ({reason}): run 'sudo apt install --reinstall python3-picamera2 python3-libcamera' "
        f"and make mien's environment with the system's own Python, {_OTHERWISE}."
    )


def explain_start(error: Exception, number: int = 0, count: int = 0) -> str:
    """Return the sentence for an exception that opening, configuring or starting the camera raised.

    number: of the camera, from 0. count: how many cameras are listed.
    """
    text = " ".join(str(each) for each in _chain(error)).lower()
    reason = _describe(_root(error))
    if any(isinstance(each, PermissionError) for each in _chain(error)) or "permission denied" in text:
        return _explain_permission(reason)
    if any(phrase in text for phrase in ("no camera number", "camera(s) not found", "list index out of range")):
        denied = [str(path) for path in sorted(Path("/dev").glob("media*")) if not os.access(path, os.R_OK | os.W_OK)]
        if denied:  # libcamera leaves out a camera that may not be opened
            return _explain_permission(denied[0])
        if 0 < count <= number:
            return _explain_number(number, count)
        return (
            "No camera is detected at the Pi's connector: switch the Pi off and check the camera's cable at both ends, "
            f"then run rpicam-hello --list-cameras, {_OTHERWISE}."
        )
    if "busy" in text or "in use" in text:
        return (
            f"The Pi's camera is in use by another program ({reason}): end that program (rpicam-hello, motion, another "
            f"mien), {_OTHERWISE}."
        )
    return f"The Pi's camera does not start ({reason}): check its cable, then run rpicam-hello."


def _explain_number(number: int, count: int) -> str:
    cameras = "1 camera is detected, picamera:0"
    if count > 1:
        cameras = f"{count} cameras are detected, picamera:0 to picamera:{count - 1}"
    return f"There is no picamera:{number}: {cameras}; check the other's cable, then run rpicam-hello --list-cameras."


def _explain_permission(what: str) -> str:
    return (
        f"The Pi's camera may not be used ({what}): add the user that runs mien to group video "
        "(sudo usermod -aG video USER), then log in again or restart the service."
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception, the one it was raised from, and so on to the first."""
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _root(error: Exception) -> BaseException:
    return list(_chain(error))[-1]


def _describe(error: BaseException) -> str:
    """Return an exception's text on one line; with its kind where the text alone would not explain it."""
    text = " ".join(str(error).split())[:200]
    return (
        text if isinstance(error, (ImportError, OSError, RuntimeError)) and text else f"{type(error).__name__}: {text}"
    )
