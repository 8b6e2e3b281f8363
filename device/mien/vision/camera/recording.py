"""Recordings: the times of their frames, whether they are complete, and why one cannot be read.

OpenCV passes on what the container's header promises, and for some containers and streams this is far off: 1000 or
90000 frames a second, and a count of -9e18, were read.
"""

from __future__ import annotations

import re
from pathlib import Path

_RATES = (1.0, 240.0)  # frames a second that a camera may have; a header with another is not trusted
_USUAL_RATE = 25.0
_LONGEST_STEP = 86400.0  # seconds between two frames, from which on a timestamp is taken for damaged
_REORDERED = 1.0  # seconds by which a frame may be stamped before the last; more is a jump of the recorder's clock
_LEAST_STEP = 0.001  # seconds
_COMPLETE = 0.9  # of the promise: containers promise a little more than decoders deliver


class RecordingClock:
    """Turns the positions that a decoder reports into times that begin with 0 and always increase.

    seconds: of the recording so far, with the last frame. duration: in seconds, as the header promises it; 0 where it
    does not.
    """

    def __init__(self, rate: float, frame_count: float) -> None:
        """rate: frames a second, frame_count: frames, both as the header has them."""
        self._interval = 1 / rate if _RATES[0] <= rate <= _RATES[1] else 1 / _USUAL_RATE
        self._promised_count = frame_count
        promised = frame_count / rate if rate > 0 and frame_count > 0 else 0.0
        self.duration = promised if promised < 1e8 else 0.0
        self._count = 0
        self._position = self._time = self._last = 0.0
        self._stamped = False

    def next_time(self, position: float) -> float:
        """Return the time of the next frame, seconds. position: milliseconds, as OpenCV reports it for the frame.

        Where the positions stand still, as in raw H.264 and MJPEG, or jump, time goes on at the header's frame rate.
        """
        if self._count:
            step = (position - self._position) / 1000
            if step != 0 and -_REORDERED < step < _LONGEST_STEP:
                self._stamped = True
            else:
                step = self._interval
            self._time += step
            self._last = max(self._time, self._last + _LEAST_STEP)
        self._position = position
        self._count += 1
        return self._last

    @property
    def seconds(self) -> float:
        """Of the recording so far, with the last frame."""
        return self._last + self._interval if self._count else 0.0

    @property
    def is_complete(self) -> bool:
        """Whether the frames so far are about what the header promises, in time or, with a long last frame, in count.

        A header without a duration, as of a live recording, promises nothing; nor does one of a stream without
        timestamps, whose duration is an estimate.
        """
        if not self._count:
            return False
        if not self.duration or (self._count > 1 and not self._stamped):
            return True
        return self.seconds >= _COMPLETE * self.duration or self._count >= _COMPLETE * self._promised_count


def is_text(path: Path) -> bool:
    """Return whether a file is a text, which FFmpeg would play as a terminal's screen, or as a list of other files."""
    data = _read_ends(path)[:4096]
    return bool(data) and not _CONTROL.search(data)


_CONTROL = re.compile(rb"[^\t\n\f\r\x1b\x20-\x7e\x80-\xff]")


def explain_unreadable(path: Path, fourcc: int = 0) -> str:
    """Return a sentence on why no frame of a file can be read, and what to do.

    fourcc: the codec's code as OpenCV reports it; 0 where it did not open the file.
    """
    data = _read_ends(path)
    codec = fourcc.to_bytes(4, "little").decode("latin-1") if fourcc > 0 else _find_codec(data)
    if codec and codec.lower() not in _DECODED:
        name = _NAMES.get(codec.lower(), codec if codec.isprintable() else "an unknown codec")
        return (
            f"{path} is a video coded as {name}, which cannot be decoded here: convert it to H.264, "
            f"as by 'ffmpeg -i {path.name} -c:v libx264 converted.mp4'."
        )
    if not codec and _find_codecs(data):
        return f"{path} has sound but no picture: use a video."
    if codec or _CONTAINER.match(data):
        return f"{path} is a video that is damaged or cut short: copy it again."
    return f"{path} is neither a photo nor a video that can be read: check the file."


_NAMES = {"av01": "AV1", "vvc1": "H.266", "vvi1": "H.266", "evc1": "EVC", "v_av1": "AV1", "v_mpegi/iso/vvc": "H.266"}
_DECODED = {
    *("avc1", "avc3", "h264", "x264", "v_mpeg4/iso/avc", "hvc1", "hev1", "hevc", "v_mpegh/iso/hevc", "vp80", "v_vp8"),
    *("vp90", "vp09", "v_vp9", "mp4v", "fmp4", "xvid", "divx", "dx50", "v_mpeg4/iso/asp", "mjpg", "jpeg", "v_mjpeg"),
    *("mpg1", "mpg2", "mpeg", "v_mpeg1", "v_mpeg2", "apch", "apcn", "apcs", "apco", "gif", "h263", "s263"),
}
"""Codecs, in lower case, that OpenCV's wheels decode: where such a file has no frame, the file is at fault."""

_CONTAINER = re.compile(rb"....(ftyp|moov|mdat|wide|free)|\x1aE\xdf\xa3|RIFF....AVI |\0\0\1[\xb3\xba]|FLV", re.DOTALL)
"""How MP4, Matroska and WebM, AVI, MPEG and FLV files begin."""

_ENTRY = re.compile(rb"stsd\0{4}....(?:....)([A-Za-z][\w.-]{3})|vids([\w ]{4})|(V_[A-Z0-9_/]{3,24})", re.DOTALL)
"""The codec in MP4's sample description, in AVI's stream header, and in Matroska's codec ID."""

_SOUND = re.compile(rb"mp4a|ac-3|ec-3|Opus|fLaC|sowt|twos|lpcm|samr|text|tx3g|tmcd|mebx|rtp ")
"""Entries of MP4's sample description that are sound, or other tracks without pictures."""


def _find_codec(data: bytes) -> str:
    """Return the video's codec, as the container calls it; empty where none is found."""
    return next((codec.decode("latin-1") for codec in _find_codecs(data) if not _SOUND.match(codec)), "")


def _find_codecs(data: bytes) -> list[bytes]:
    """Return the codecs of all tracks, as the container calls them."""
    return [next(filter(None, match.groups())) for match in _ENTRY.finditer(data)]


def _read_ends(path: Path) -> bytes:
    """Return the first and the last megabyte, of which one holds the container's index."""
    try:
        with path.open("rb") as file:
            head = file.read(1_000_000)
            file.seek(max(file.tell(), path.stat().st_size - 1_000_000))
            return head + file.read(1_000_000)
    except OSError:
        return b""
