"""The verdicts on the camera, its picture and the face in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.doctor.checks import camera_checks as checks
from mien.doctor.facts import CameraFacts
from mien.doctor.verdict import Verdict
from mien.vision.quality import REASONS
from tests.mien.doctor.checks.verdicts import assert_verdict

FINE = CameraFacts(
    step="done",
    source="picamera",
    width=640,
    height=480,
    frames=31,
    duration=3.0,
    mean=110.0,
    brightest=240,
    sharpness=0.8,
    view_share=1.0,
    faces=1,
    face_side=140,
)


def facts(**changes: Any) -> CameraFacts:
    return msgspec.structs.replace(FINE, **changes)


@pytest.mark.parametrize("check", [each.function for each in checks.GROUP.checks.values()])
def test_a_healthy_camera_is_good(check: Callable[[CameraFacts], Verdict]) -> None:
    """By every check, without a cure."""
    assert check(FINE)[::2] == ("good", "")


@pytest.mark.parametrize(
    ("check", "changes", "state", "sentence", "cure"),
    [
        (checks.check_camera, {"step": "open", "fault": "It is in use: end the other."}, "bad", "in use.", "end the o"),
        (checks.check_camera, {"step": "open", "fault": "No sentence"}, "bad", "No sentence", "rpicam-hello"),
        (checks.check_camera, {"step": "open", "end": "did not end in time"}, "bad", "did not end in time", "cable"),
        (checks.check_camera, {"step": "open", "end": "crashed (SIGSEGV)"}, "bad", "crashed", "cable"),
        (checks.check_camera, {"step": "frames", "fault": "It broke: mend it."}, "good", "opens", ""),
        (checks.check_frames, {"step": "frames", "fault": "No frames: check it."}, "bad", "No frames.", "check it"),
        (checks.check_frames, {"step": "frames", "end": "did not end in time"}, "bad", "did not end", "cable"),
        (checks.check_frames, {"constant": True}, "bad", "frozen", "driver"),
        (checks.check_frames, {"constant": True, "kind": "stills"}, "good", "640 x 480", ""),
        (checks.check_frames, {"frames": 3}, "bad", "Only 3 frames", "cable"),
        (checks.check_frames, {"frames": 1, "duration": 0.0}, "bad", "Only 1 frames", "cable"),
        (checks.check_exposure, {"brightest": 16, "mean": 16.0}, "bad", "black", "cover"),
        (checks.check_exposure, {"mean": 25.0}, "advice", "dark", "light the room"),
        (checks.check_exposure, {"burnt": 0.5}, "advice", "50%", "window"),
        (checks.check_focus, {"sharpness": 0.05}, "advice", "blurred", "lens ring"),
        (checks.check_focus, {"sharpness": 0.05, "moved_lens": True}, "advice", "blurred", "[camera] focus"),
        (checks.check_focus, {"sharpness": None}, "skipped", "nothing", ""),
        (checks.check_focus, {"sharpness": 0.05, "kind": "replay"}, "skipped", "recording", ""),
        (checks.check_view, {"view_share": 0.5}, "advice", "50%", "apt"),
        (checks.check_view, {"view_share": None}, "skipped", "Only the Pi's camera", ""),
        (checks.check_view, {"zoom": 2.0}, "good", "zoomed by 2", ""),
        (checks.check_face, {"faces": 0}, "advice", "No face", "rotation"),
        (checks.check_face, {"faces": 2}, "good", "2 faces", ""),
        *((checks.check_light, {"face_fault": reason}, "advice", reason, "") for reason in REASONS),
    ],
)
def test_each_fault_has_its_sentence_and_its_cure(
    check: Callable[[CameraFacts], Verdict], changes: dict[str, Any], state: str, sentence: str, cure: str
) -> None:
    """And nothing else is said of it."""
    verdict = check(facts(**changes))
    assert_verdict(verdict, state, sentence, cure)


def test_a_camera_that_the_daemon_uses_is_good_news() -> None:
    """The camera is good, and what would disturb the daemon is skipped, with the command that allows it."""
    held = CameraFacts(daemon=77, source="picamera")
    assert checks.check_camera(held).state == "good"
    assert checks.check_frames(held).state == "skipped"
    assert "systemctl stop mien" in checks.check_frames(held).sentence


@pytest.mark.parametrize(
    ("source", "live"),
    [("picamera", True), ("picamera:1", True), ("0", True), ("/dev/video0", True), ("demo", False), ("a.mp4", False)],
)
def test_only_devices_are_live(source: str, live: bool) -> None:
    """A replay can be opened beside the daemon."""
    assert checks.is_live(source) is live


@given(
    st.builds(
        CameraFacts,
        step=st.sampled_from(["open", "frames", "done"]),
        fault=st.text(max_size=20),
        frames=st.integers(0, 100),
        duration=st.floats(0, 100),
        mean=st.floats(0, 255),
        brightest=st.integers(0, 255),
        burnt=st.floats(0, 1),
        sharpness=st.none() | st.floats(0, 9),
        view_share=st.none() | st.floats(0, 2),
        faces=st.integers(0, 9),
        face_fault=st.text(max_size=9),
        end=st.text(max_size=9),
    )
)
def test_every_verdict_is_whole(some: CameraFacts) -> None:
    """Whatever the facts: a sentence, and a cure where it is not good."""
    for check in checks.GROUP.checks.values():
        verdict = check.function(some)
        assert verdict.sentence
        assert bool(verdict.cure) == (verdict.state in ("advice", "bad"))
