"""The camera: found, permitted, frames, exposure, focus and view; and the face and its light at this moment."""

from __future__ import annotations

import msgspec

from mien.doctor.facts import CameraFacts
from mien.doctor.probes.child import describe_end, run_child
from mien.doctor.running import find_daemon
from mien.doctor.subject import Subject
from mien.doctor.verdict import Check, CheckGroup, Verdict, advice, bad, good, skipped

_TIMEOUT = 11.5  # seconds: opening takes a few on a slow card, and the frames three
_REPAIRS = "rpicam-hello --list-cameras lists the cameras; docs/vision.md explains each fault"
_MIN_FPS = 2.0
_BLACK = 20  # grey levels, as vision/camera/frozen.py
_DARK, _BRIGHT = 35.0, 220.0  # mean grey levels
_MAX_BURNT = 0.35  # share of white pixels
_MIN_SHARPNESS = 0.06  # a photo blurred by 8 pixels of 640; see probes/camera_probe.py
_MIN_VIEW = 0.9  # share of the sensor

_FACE_CURES = {
    "small": "come closer, or set [camera] zoom",
    "dark": "put a light in front of the face, or set [camera] exposure = 1",
    "blurred": "hold still, add light, or turn the lens until the face is sharp ([camera] focus)",
    "cut off": "turn or move the camera until the whole face is in its picture",
    "turned": "place the camera where people look towards it",
}


def gather(subject: Subject) -> CameraFacts:
    """Open the camera in a process of its own, unless a daemon uses it: nothing may disturb that."""
    config = subject.config
    if is_live(config.camera.source) and (daemon := find_daemon(subject.system)):
        return CameraFacts(daemon=daemon, source=config.camera.source)
    values, done = run_child(subject.system, "camera", config, _TIMEOUT)
    facts = msgspec.convert(values, CameraFacts)
    facts.source, facts.zoom, facts.end = config.camera.source, config.camera.zoom, describe_end(done)
    return facts


def is_live(source: str) -> bool:
    """Return whether a camera's name is that of a device, which one process at a time can use."""
    return source.partition(":")[0] == "picamera" or source.isdecimal() or source.startswith("/dev/")


def check_camera(facts: CameraFacts) -> Verdict:
    """Check that the camera is found, permitted and free, and opens."""
    if facts.daemon:
        return good(f"The running mien (process {facts.daemon}) uses it.")
    if facts.step == "open" and facts.end:
        return bad(
            f"Opening {facts.source} {facts.end}.",
            "switch the machine off, check the camera's cable at both ends, and start again",
        )
    if facts.step == "open":
        return _split(facts.fault)
    return good(f"{facts.source} opens.")


def check_frames(facts: CameraFacts) -> Verdict:
    """Check that frames arrive, often enough, and that they differ."""
    if facts.daemon:
        return skipped(
            "The running mien holds the camera; to check it: sudo systemctl stop mien, mien doctor, "
            "sudo systemctl start mien."
        )
    if facts.fault:
        return _split(facts.fault)
    if facts.end:
        return bad(f"Reading frames from {facts.source} {facts.end}.", "check the camera's cable, then start again")
    if facts.kind == "live" and facts.constant and facts.frames > 1 and facts.brightest > _BLACK:
        return bad(
            f"All {facts.frames} frames are equal: the picture is frozen.", "check the camera's cable and its driver"
        )
    if facts.kind == "live" and facts.fps < _MIN_FPS:
        return bad(
            f"Only {facts.frames} frames arrived, {facts.fps:.1f} a second.", "check the camera's cable or its USB port"
        )
    rate = f", {facts.fps:.0f} a second" if facts.kind == "live" else ""
    return good(f"{facts.width} x {facts.height} pixels{rate}.")


def check_exposure(facts: CameraFacts) -> Verdict:
    """Check that the picture is neither black, dark nor burnt out."""
    if facts.brightest <= _BLACK:
        return bad("The picture is black.", "take the cover off the lens, or light the room")
    if facts.mean < _DARK:
        return advice(f"The picture is dark (grey level {facts.mean:.0f} of 255).", "light the room")
    if facts.burnt > _MAX_BURNT or facts.mean > _BRIGHT:
        return advice(
            f"{facts.burnt:.0%} of the picture is burnt out.", "turn the camera away from the window or the lamp"
        )
    return good(f"The mean grey level is {facts.mean:.0f} of 255.")


def check_focus(facts: CameraFacts) -> Verdict:
    """Check that something in a camera's picture is sharp."""
    if facts.kind != "live":
        return skipped("A recording has no lens to focus.")
    if facts.sharpness is None:
        return skipped("There is nothing in the picture by which to judge it.")
    if facts.sharpness >= _MIN_SHARPNESS:
        return good("The picture is sharp." + (" The lens can be moved." if facts.moved_lens else ""))
    if facts.moved_lens:
        cure = 'wipe the lens, and set [camera] focus to "continuous" or to the distance of the face in metres'
    else:
        cure = "wipe the lens, peel off its film, or turn the lens ring until the picture is sharp"
    return advice("Everything in the picture is blurred.", cure)


def check_view(facts: CameraFacts) -> Verdict:
    """Check that the Pi's camera reads its whole sensor."""
    if facts.view_share is None:
        return skipped("Only the Pi's camera reports which part of its sensor it reads.")
    if facts.view_share < _MIN_VIEW:
        return advice(
            f"The camera reads only {facts.view_share:.0%} of its sensor, so that faces at the side are missed.",
            "sudo apt update && sudo apt full-upgrade  (for a newer libcamera)",
        )
    return good("The whole sensor is read" + (f", zoomed by {facts.zoom:g}." if facts.zoom != 1 else "."))


def check_face(facts: CameraFacts) -> Verdict:
    """Check that a face is in view now."""
    if not facts.faces:
        return advice(
            "No face is in view now.",
            "look at the camera from 0.5 to 2 m and run mien doctor again; if the camera lies on its side, set "
            "[camera] rotation",
        )
    count = "A face is" if facts.faces == 1 else f"{facts.faces} faces are"
    return good(f"{count} in view, {facts.face_side} pixels wide.")


def check_light(facts: CameraFacts) -> Verdict:
    """Check that the face in view can be read: its light, sharpness, size and pose."""
    cure = _FACE_CURES.get(facts.face_fault)
    if cure is not None:
        return advice(f"The face in view is hard to read: it is {facts.face_fault}.", cure)
    return good("The face is lit well enough to be read.")


def _split(fault: str) -> Verdict:
    """Return the verdict of a fault's sentence, which ends with what to do after its first colon."""
    sentence, _, cure = fault.partition(": ")
    if sentence and cure.strip(" ."):
        return bad(f"{sentence}.", cure.rstrip("."))
    return bad(fault or "The camera does not work.", _REPAIRS)


GROUP = CheckGroup(
    gather,
    {
        "camera": Check(check_camera),
        "frames": Check(check_frames, ("camera",)),
        "view": Check(check_view, ("frames",)),
        "exposure": Check(check_exposure, ("frames",)),
        "focus": Check(check_focus, ("exposure",)),
        "face": Check(check_face, ("exposure",)),
        "light": Check(check_light, ("face",)),
    },
    needs=("configuration", "libraries"),
)
