"""Finding, following and judging faces, on scenes drawn around the demo's face."""

from __future__ import annotations

import http.server
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.commands import download as fetching
from mien.commands.download import FetchError, fetch
from mien.config import ModelConfig, VisionConfig
from mien.errors import InputError, MienError, ModelError
from mien.events import Face, Frame, Reading
from mien.expression import Expression
from mien.vision import yunet
from mien.vision.crop import to_input
from mien.vision.detector import FaceDetector, Gray, HaarDetector, overlap
from mien.vision.frame_rate import PROFILE_LIMITS, FrameRateController, FrameRateMeter
from mien.vision.quality import assess_quality
from mien.vision.recognizer import ExpressionRecognizer, _combine, open_classifier, open_detector
from mien.vision.still import haar_still_detector, yunet_still_detector
from mien.vision.tracker import DETECT_EVERY, FaceTrack, FaceTracker
from mien.vision.yunet import SHA256, SIZE, YunetDetector
from tests.conftest import ROOT, Outcome, scene


def moved(by: int) -> Gray:
    """The scene with its face that many pixels further to the right."""
    return np.roll(scene(), by, axis=1)


@pytest.fixture(scope="session")
def yunet_file(shared: Path) -> Path:
    path = shared / "yunet" / "face_detection_yunet_2023mar.onnx"
    if not path.is_file():
        pytest.skip("needs YuNet's file in the test data")
    return path


@pytest.fixture(params=["haar", "yunet"])
def detector(request: pytest.FixtureRequest) -> FaceDetector:
    """Both detectors; YuNet where the test data has it."""
    return HaarDetector(60) if request.param == "haar" else YunetDetector(request.getfixturevalue("yunet_file"), 60)


class Counting:
    """A detector that counts its searches, of the full frame and near a face."""

    def __init__(self, detector: FaceDetector) -> None:
        self._detector, self.scans, self.looks = detector, 0, 0

    def detect(self, gray: Gray) -> list[Face]:
        self.scans += 1
        return self._detector.detect(gray)

    def detect_near(self, gray: Gray, face: Face) -> Face | None:
        self.looks += 1
        return self._detector.detect_near(gray, face)


def test_a_face_is_followed_without_full_scans(detector: FaceDetector) -> None:
    """Eight seconds of a moving face take a scan to find it and one to look around, and two looks a second at the face.

    The box stays on the face all the same.
    """
    counting = Counting(detector)
    tracker = FaceTracker(counting)
    start = detector.detect(moved(0))[0]
    for index in range(80):
        shift = round(100 * np.sin(index / 12))
        [face] = tracker.update(moved(shift), index / 10)
        expected = Face(start.x + shift, start.y, start.width, start.height)
        assert overlap(face, expected) > 0.7
    assert counting.scans <= 3
    assert counting.looks <= 8 / DETECT_EVERY


def test_a_face_that_has_gone_is_not_held(detector: FaceDetector) -> None:
    """Its picture fits nowhere in an empty room, so it is gone in the first frame without it."""
    tracker = FaceTracker(detector)
    assert len(tracker.update(moved(0), 0.0)) == 1
    assert tracker.update(np.tile(scene()[:, :1], (1, 640)), 0.1) == ()


def test_a_face_that_comes_near_is_seen_to_grow(detector: FaceDetector) -> None:
    """Its picture keeps its size, the detector does not: one that grows by half in three seconds stays framed."""
    tracker = FaceTracker(detector)
    for index in range(31):
        zoom = cv2.getRotationMatrix2D((320, 240), 0.0, 1 + index / 60)
        gray = np.asarray(cv2.warpAffine(scene(), zoom, (640, 480), borderMode=cv2.BORDER_REPLICATE), np.uint8)
        [face] = tracker.update(gray, index / 10)
        assert overlap(face, detector.detect(gray)[0]) > 0.6


@settings(max_examples=40, deadline=None)
@given(st.integers(-40, 40), st.integers(-40, 40), st.integers(-30, 30))
def test_a_face_is_known_again_where_it_has_gone_to(right: int, down: int, lighter: int) -> None:
    """Up to a quarter of its width away and in another light, to within a thirtieth; its size and its time stay."""
    gray = scene()
    start = FaceTrack.start(gray, Face(213, 133, 210, 210), at=3.0)
    lit = np.clip(np.roll(gray, (down, right), axis=(0, 1)).astype(np.int16) + lighter, 0, 255).astype(np.uint8)
    track = start.relocate(lit)
    assert track is not None
    assert (track.face.width, track.face.height, track.detected_at) == (210, 210, 3.0)
    assert abs(track.face.x - 213 - right) <= 7
    assert abs(track.face.y - 133 - down) <= 7


@settings(max_examples=30, deadline=None)
@given(st.integers(-100, 700), st.integers(-100, 500), st.integers(1, 600), st.integers(0, 255))
def test_a_picture_without_features_is_nobody(x: int, y: int, side: int, level: int) -> None:
    """Wherever the box lies, an even grey is not taken for the face."""
    gray = np.full((480, 640), level, np.uint8)
    assert FaceTrack.start(gray, Face(x, y, side, side), at=0.0).relocate(gray) is None


def test_yunet_frames_a_face_in_any_window(yunet_file: Path) -> None:
    """The whole frame, and the small window around the last place, give one square, also at the frame's edge."""
    detector = YunetDetector(yunet_file, 60)
    for shift in (0, 200, -200, 250):
        gray = moved(shift)
        face = detector.detect(gray)[0]
        near = detector.detect_near(
            gray, Face(face.x + 15, face.y - 10, round(face.width * 1.1), round(face.height * 1.1))
        )
        assert near is not None
        assert overlap(near, face) > 0.75


def test_memory_does_not_grow_with_frames() -> None:
    """From 1,000 frames to 3,000 the whole loop comes to hold no 2 MB more; the benchmark says so of 100,000."""
    benchmark = ROOT / "benchmarks" / "memory.py"
    done = subprocess.run([sys.executable, benchmark, "--frames", "3000"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("3,000 frames")


@pytest.mark.parametrize("size", [(640, 480), (1280, 720)])
def test_a_video_needs_little_memory(tmp_path: Path, size: tuple[int, int]) -> None:
    """`mien run` on a video stays within 120 MB at its peak, by the kernel's count, at 1280x720 too."""
    path = str(tmp_path / "scene.mp4")
    video = cv2.VideoWriter(path, cv2.VideoWriter.fourcc(*"mp4v"), 10, size, isColor=False)
    for shift in range(0, 60, 2):
        video.write(cv2.resize(moved(shift), size))
    video.release()
    code = "import sys; from mien.cli import main; main(sys.argv[1:]); print(open('/proc/self/status').read())"
    command = [sys.executable, "-c", code, "run", "--camera", path]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert int(told.split("VmHWM:")[1].split()[0]) < 120_000  # kB


def test_a_returning_face_is_found_in_half_a_second(detector: FaceDetector) -> None:
    """Movement wakes the detector from its rest in an empty room."""
    tracker = FaceTracker(detector)
    empty = np.tile(scene()[:, :1], (1, 640))
    for index in range(100):
        assert tracker.update(empty, index / 10) == ()
    assert any(tracker.update(moved(0), 10 + index / 10) for index in range(5))


def test_an_empty_room_costs_few_scans(detector: FaceDetector) -> None:
    """Nothing moves, so a minute with a sensor's noise takes a scan every two seconds."""
    counting, noise = Counting(detector), np.random.default_rng(1)
    tracker = FaceTracker(counting)
    wall = np.tile(np.linspace(60, 180, 640).astype(np.uint8), (480, 1))
    for index in range(300):
        tracker.update(wall + noise.integers(0, 8, wall.shape, dtype=np.uint8), index / 5)
    assert counting.scans <= 35


class Script:
    """A detector that sees what the test says."""

    def __init__(self, faces: list[Face]) -> None:
        self.faces = faces

    def detect(self, _gray: Gray) -> list[Face]:
        return self.faces

    def detect_near(self, _gray: Gray, face: Face) -> Face | None:
        return next((found for found in self.faces if overlap(found, face) > 0.3), None)


SMALL, LARGE, HUGE = Face(0, 0, 80, 80), Face(200, 0, 90, 90), Face(400, 0, 160, 160)
PICTURE = np.zeros((480, 640), np.uint8)


def test_the_largest_face_counts_and_is_kept_against_its_like() -> None:
    """A face a little larger does not take over; one that is much larger does, at the next look around."""
    script = Script([SMALL])
    tracker = FaceTracker(script)
    assert tracker.update(PICTURE, 0.0) == (SMALL,)
    script.faces = [LARGE, SMALL]
    assert tracker.update(PICTURE, 6.0) == (SMALL,)
    script.faces = [HUGE, LARGE, SMALL]
    assert tracker.update(PICTURE, 12.0) == (HUGE,)


def test_all_faces_are_followed_if_asked() -> None:
    """With everyone, all in view come back, the largest first."""
    assert FaceTracker(Script([SMALL, HUGE, LARGE]), all_faces=True).update(PICTURE, 0.0) == (HUGE, LARGE, SMALL)


def test_faces_are_combineed_by_size() -> None:
    """A face of four times the area has four fifths of the say; one without weight has none."""
    one, other = (Reading(tuple(float(i == e) for i in range(7)), 1.0) for e in (Expression.HAPPY, Expression.SAD))
    big, small = Face(0, 0, 200, 200), Face(300, 0, 100, 100)
    mixed = _combine((big, small), [one, other])
    assert mixed is not None
    assert mixed.probabilities[Expression.HAPPY] == pytest.approx(0.8)
    assert mixed.weight == pytest.approx(1.0)
    blind = _combine((big, small), [Reading(one.probabilities, 1.0, 0.0), other])
    assert blind is not None
    assert blind.expression == Expression.SAD
    assert blind.weight == pytest.approx(0.2)
    assert _combine((), []) is None


def spoiled(kind: str) -> tuple[Gray, Face]:
    """A scene with its face spoiled in one way."""
    gray = scene()
    face = HaarDetector(60).detect(gray)[0]
    if kind == "dark":
        gray = (gray // 24).astype(np.uint8)
    elif kind == "blurred":
        gray = np.asarray(cv2.GaussianBlur(gray, (0, 0), 25), np.uint8)
    elif kind == "small":
        gray = np.asarray(cv2.resize(gray, (80, 60), interpolation=cv2.INTER_AREA), np.uint8)
        face = Face(face.x // 8, face.y // 8, face.width // 8, face.height // 8)
    elif kind == "cut off":
        away = 640 - face.width * 3 // 4 - face.x
        gray[:, away:] = gray[:, :-away].copy()
        face = Face(face.x + away, face.y, face.width, face.height)
    elif kind == "turned":
        part = gray[face.y : face.y + face.height, face.x : face.x + face.width].copy()
        half = face.width // 2
        part[:, half:] = 255 - part[:, :half][:, ::-1][:, : part.shape[1] - half]
        gray[face.y : face.y + face.height, face.x : face.x + face.width] = part
    return gray, face


@pytest.mark.parametrize("kind", ["small", "dark", "blurred", "cut off", "turned"])
def test_doubtful_pictures_weigh_less_and_are_counted(kind: str) -> None:
    """Each way of being spoiled is found out, for its own reason, and counted."""
    recognizer = ExpressionRecognizer.open(VisionConfig(detector="haar"), ModelConfig())
    gray, face = spoiled(kind)
    assert assess_quality(face, gray.shape, to_input(gray, face)).reason == kind
    assert recognizer.classify(Frame(gray, 0.0), face).weight < 0.8
    assert recognizer.low_quality == {kind: 1}


def test_a_good_picture_keeps_its_weight() -> None:
    """Nobody finds fault with the demo's face."""
    gray, face = spoiled("not at all")
    assert assess_quality(face, gray.shape, to_input(gray, face)) == (1.0, "")


@given(st.integers(-100, 700), st.integers(-100, 500), st.integers(1, 600), st.integers(0, 255))
def test_any_box_can_be_judged(x: int, y: int, side: int, level: int) -> None:
    """A weight is from 0 to 1 wherever the box lies."""
    quality = assess_quality(Face(x, y, side, side), (480, 640), np.full((48, 48, 1), level, np.uint8))
    assert 0 <= quality.weight <= 1


def test_a_bad_light_hides_no_face() -> None:
    """In a twentieth of the light the cascade still finds the face."""
    assert len(HaarDetector(60).detect((scene() // 20).astype(np.uint8))) == 1


def test_single_photos_are_searched_thoroughly(yunet_file: Path) -> None:
    """Both thorough searches find the demo's face once, tilted by 15 degrees too."""
    turn = cv2.getRotationMatrix2D((320, 240), 15, 1.0)
    tilted = np.asarray(cv2.warpAffine(scene(), turn, (640, 480), borderMode=cv2.BORDER_REPLICATE), np.uint8)
    for search in (haar_still_detector(60), yunet_still_detector(yunet_file, 60)):
        assert len(search(scene())) == 1
        assert len(search(tilted)) == 1
        assert search(np.full((480, 640), 128, np.uint8)) == []


def test_the_pace_rises_with_change_and_keeps_the_share() -> None:
    """Still: slower up to the slowest. A new expression: at once the fastest. Costly frames: as the share allows."""
    spent = [0.0]
    controller = FrameRateController(cpu_time=lambda: spent[0])
    calm, lively = (
        Reading(tuple(float(i == e) for i in range(7)), 0.0) for e in (Expression.NEUTRAL, Expression.HAPPY)
    )
    intervals = [controller.next_interval(calm, "balanced") for _ in range(30)]
    assert intervals[0] == PROFILE_LIMITS["balanced"].fastest
    assert intervals[-1] == PROFILE_LIMITS["balanced"].slowest
    assert controller.next_interval(lively, "balanced") == PROFILE_LIMITS["balanced"].fastest
    for _ in range(60):
        spent[0] += 0.1
        last = controller.next_interval(lively, "eco")
    assert last == pytest.approx(0.1 / PROFILE_LIMITS["eco"].share, rel=0.05)


def test_the_rate_is_frames_a_second() -> None:
    """Of frames a quarter of a second apart, four."""
    meter = FrameRateMeter()
    assert meter.update(0.0) == 0.0
    assert [meter.update(i / 4) for i in range(1, 9)][-1] == pytest.approx(4)


def test_memory_does_not_grow_with_time() -> None:
    """After the first hundred frames, thousands more leave no more objects behind."""
    import gc

    recognizer = ExpressionRecognizer.open(VisionConfig(detector="haar"), ModelConfig())
    gray, counts = scene(), []
    for index in range(900):
        recognizer.observe(Frame(gray, index / 10))
        if index in {99, 899}:
            gc.collect()
            counts.append(len(gc.get_objects()))
    assert counts[1] - counts[0] < 100


def test_yunet_is_used_where_its_file_is(yunet_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """auto takes YuNet once it is fetched, haar never, and yunet says how to get it."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    assert isinstance(open_detector(VisionConfig()), HaarDetector)
    with pytest.raises(ModelError, match="fetch-yunet"):
        open_detector(VisionConfig(detector="yunet"))
    yunet.default_path().write_bytes(yunet_file.read_bytes())
    assert isinstance(open_detector(VisionConfig()), YunetDetector)
    assert isinstance(open_detector(VisionConfig(detector="haar")), HaarDetector)


def test_a_file_that_is_not_yunet_is_refused(tmp_path: Path) -> None:
    """In one sentence, with what to do."""
    path = tmp_path / "yunet.onnx"
    path.write_bytes(b"not a network")
    with pytest.raises(ModelError, match="fetch-yunet"):
        YunetDetector(path, 60)


BODY = os.urandom(50_000)
DIGEST = __import__("hashlib").sha256(BODY).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Gives BODY; cut: bytes after which it breaks off. ranges: does it resume? Records what was asked."""

    cut: int | None = None
    ranges, status = True, 200
    asked: list[str | None]


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.asked.append(wanted)
        if self.server.status != 200:
            self.send_error(self.server.status)
            return
        start = int(wanted[6:-1]) if wanted and self.server.ranges else 0
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(BODY) - start))
        self.end_headers()
        self.wfile.write(BODY[start : self.server.cut])

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server(("127.0.0.1", 0), Handler)
    made.asked = []
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join()


@pytest.fixture
def get(server: Server, tmp_path: Path) -> Callable[..., bool]:
    """Fetch BODY into tmp_path / "file"."""

    def call(sha256: str = DIGEST) -> bool:
        url = f"http://127.0.0.1:{server.server_port}/file"
        return fetch(url, tmp_path / "file", len(BODY), sha256, lambda *_: None)

    return call


def test_a_download_is_whole_and_done_once(get: Callable[..., bool], server: Server, tmp_path: Path) -> None:
    """The file is there, nothing beside it, and the second time nothing is asked for."""
    assert get() is True
    assert get() is False
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == BODY
    assert len(server.asked) == 1


@pytest.mark.parametrize("ranges", [True, False])
def test_a_broken_download_goes_on(get: Callable[..., bool], server: Server, tmp_path: Path, ranges: bool) -> None:
    """From where it broke off if the server can; else from the beginning. The file appears only when whole."""
    server.cut, server.ranges = 20_000, ranges
    with pytest.raises(InputError, match="go on"):
        get()
    assert not (tmp_path / "file").exists()
    server.cut = None
    assert get() is True
    assert server.asked == [None, "bytes=20000-"]
    assert (tmp_path / "file").read_bytes() == BODY


def test_another_file_is_not_kept(get: Callable[..., bool], tmp_path: Path) -> None:
    """A wrong digest leaves nothing, and an old file as it was."""
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(FetchError, match="another file"):
        get("0" * 64)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"old"


@pytest.mark.parametrize(("status", "code"), [(404, 6), (503, 4)])
def test_a_refusal_says_whether_to_try_again(get: Callable[..., bool], server: Server, status: int, code: int) -> None:
    """For good is exit code 6, for now 4."""
    server.status = status
    with pytest.raises(MienError) as caught:
        get()
    assert caught.value.exit_code == code


def test_no_network_is_one_sentence(tmp_path: Path) -> None:
    """Nobody listens there."""
    with pytest.raises(InputError, match="check the network"):
        fetch("http://127.0.0.1:9/file", tmp_path / "file", 1, DIGEST, lambda *_: None)


def test_yunet_is_pinned() -> None:
    """Version, size and digest are the published ones, over TLS."""
    assert yunet.URL.startswith("https://github.com/opencv/opencv_zoo/")
    assert (SIZE, SHA256[:8], len(SHA256)) == (232_589, "8f2383e4", 64)
    assert fetching._TIMEOUT <= 30


def test_the_end_tells_of_doubtful_readings(mien: Callable[..., Outcome], tmp_path: Path) -> None:
    """`mien run` says in its last line how many readings were weighed down or dropped, and why."""
    cv2.imwrite(str(tmp_path / "dusk.png"), spoiled("dark")[0])
    [*_, last] = mien("run", "--camera", str(tmp_path / "dusk.png")).out.splitlines()
    assert re.search(r"camera ended: readings weighed down or dropped: \d+ dark$", last)


def test_a_slideshow_makes_moods(mien: Callable[..., Outcome], photo: Path) -> None:
    """`mien run --camera PHOTO` opens, looks for some seconds on the photo's own clock, and ends by itself."""
    outcome = mien("run", "--camera", str(photo), "--json")
    assert outcome.code == 0
    assert '"state": "open"' in outcome.out
    assert '"state": "ended"' in outcome.out
    assert open_classifier(ModelConfig()).contract.labels[0] == "neutral"
