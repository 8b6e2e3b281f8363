"""The times of a recording's frames, whether it is complete, and why one cannot be read."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.vision.camera.recording import RecordingClock, explain_unreadable, is_text


def times(positions: list[float], rate: float = 10, count: float = 0) -> list[float]:
    clock = RecordingClock(rate, count)
    return [clock.next_time(position) for position in positions]


def test_frames_carry_their_own_timestamps() -> None:
    """Of a phone that slows down in the dark, and from 0 on, wherever the recorder's clock stood."""
    assert times([0, 100, 200, 700, 1200], rate=4.7) == pytest.approx([0, 0.1, 0.2, 0.7, 1.2])
    assert times([5000, 5100, 5350]) == pytest.approx([0, 0.1, 0.35])


@pytest.mark.parametrize("position", [0.0, -3.69e20, math.nan])
@pytest.mark.parametrize(("rate", "interval"), [(10, 0.1), (90000, 0.04), (1000, 0.04), (0, 0.04), (math.nan, 0.04)])
def test_without_timestamps_the_frame_rate_counts(position: float, rate: float, interval: float) -> None:
    """As of raw H.264 and MJPEG; 25 a second where the header's rate is not one that a camera has."""
    assert times([position] * 4, rate) == pytest.approx([index * interval for index in range(4)])


def test_a_jump_of_the_recorders_clock_is_one_frame_long() -> None:
    """Back, as when the clock of a transport stream overflows, or far ahead."""
    assert times([0, 100, -9e7, -9e7 + 100, 9e15, 9e15 + 100]) == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5])


def test_reordered_frames_do_not_shift_those_after_them() -> None:
    """Their times still increase."""
    reordered = times([0, 200, 100, 300])
    assert reordered == pytest.approx([0, 0.2, 0.2, 0.3], abs=0.002)
    assert reordered[2] > reordered[1]


@given(st.lists(st.floats(), min_size=2, max_size=30), st.floats())
def test_times_always_increase(positions: list[float], rate: float) -> None:
    """Whatever a file reports."""
    all_times = times(positions, rate)
    assert all_times[0] == 0
    assert all(earlier < later for earlier, later in pairwise(all_times))


@pytest.mark.parametrize(
    ("rate", "count", "positions", "complete"),
    [
        (10, 20, [100.0 * index for index in range(20)], True),
        (10, 20, [100.0 * index for index in range(19)], True),
        (10, 20, [100.0 * index for index in range(10)], False),
        (1000, 2000, [100.0 * index for index in range(20)], True),  # a count at a rate that no camera has
        (1000, 2000, [100.0 * index for index in range(10)], False),
        (0.3, 3, [0.0, 100.0, 200.0], True),  # the last frame stands for ten seconds
        (25, -9.2e18, [100.0 * index for index in range(5)], True),
        (90000, -6.9e17, [0.0] * 5, True),
        (25, 1000, [0.0] * 5, True),  # estimated from the size of a stream without timestamps
        (25, 100, [], False),
    ],
)
def test_completeness_is_judged_by_time(rate: float, count: float, positions: list[float], *, complete: bool) -> None:
    """By the header's duration, not by a count of frames that it can only estimate."""
    clock = RecordingClock(rate, count)
    for position in positions:
        clock.next_time(position)
    assert clock.is_complete is complete


@pytest.mark.parametrize(
    ("data", "fourcc", "text"),
    [
        (b"\0\0\0\x20ftypisom" + bytes(40), 0x31307661, "coded as AV1"),
        (b"\0\0\0\x20ftypisom" + bytes(40) + b"stsd" + bytes(7) + b"\1\0\0\0\x90vvc1", 0, "coded as H.266"),
        (
            b"\0\0\0\x20ftypisom" + b"stsd" + bytes(7) + b"\1\0\0\0\x90mp4a" + b"stsd" + bytes(7) + b"\1\0\0\0\x90xyz1",
            0,
            "coded as xyz1",
        ),
        (b"\x1aE\xdf\xa3" + bytes(40) + b"\x86\x85V_AV1\0", 0, "coded as AV1"),
        (b"\0\0\0\x20ftypisom" + bytes(40), 0x31637661, "damaged or cut short"),
        (b"\0\0\0\x20ftypisom" + bytes(40), 0, "damaged or cut short"),
        (b"\0\0\0\x20ftypisom" + bytes(40) + b"stsd" + bytes(4) + b"\0\0\0\1\0\0\0\x4amp4a", 0, "no picture"),
        (bytes(1000), 0, "neither a photo nor a video"),
        (b"", 0, "neither a photo nor a video"),
    ],
)
def test_what_cannot_be_read_is_explained(tmp_path: Path, data: bytes, fourcc: int, text: str) -> None:
    """A codec is named, with what to convert the file to; else the file is damaged, or is not a video."""
    path = tmp_path / "clip.mp4"
    path.write_bytes(data)
    assert text in explain_unreadable(path, fourcc)


def test_a_text_is_not_a_video(tmp_path: Path) -> None:
    """Nor a list of other files; a file with any other control character is not a text."""
    path = tmp_path / "notes"
    for data, text in ((b"#EXTM3U\nhttp://example.org/a.ts\n", True), ("Ärger\r\n".encode(), True), (b"\0a", False)):
        path.write_bytes(data)
        assert is_text(path) is text
