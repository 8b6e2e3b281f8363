"""The commands as people and programs meet them: fields, sentences and exit codes."""

from __future__ import annotations

import errno
import json
import os
import re
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from mien.cli import guarded
from mien.errors import InputError
from mien.expression import LABELS
from mien.vision.classifier import DEFAULT_MODEL
from tests.conftest import Outcome, scene

Mien = Callable[..., Outcome]


def refused(outcome: Outcome, code: int, *texts: str) -> None:
    """One sentence on stderr, nothing on stdout, the documented exit code."""
    assert outcome.code == code, outcome
    assert outcome.out == ""
    assert outcome.err.startswith("mien: ")
    assert outcome.err.count("\n") == 1
    assert "Traceback" not in outcome.err
    for text in texts:
        assert text in outcome.err


def png(width: int, height: int) -> bytes:
    """A small PNG file of that many black pixels."""
    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(width + 1)) for _ in range(height)) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", rows), (b"IEND", b""))
    chunk_bytes = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk_bytes)


def test_classify_json_has_the_documented_fields(mien: Mien, photo: Path) -> None:
    """One object a photo: path and faces, each with box, expression, confidence and all probabilities."""
    [line] = mien("classify", photo, "--json").out.splitlines()
    result = json.loads(line)
    assert result["path"] == str(photo)
    [face] = result["faces"]
    assert set(face) == {"box", "expression", "confidence", "probabilities"}
    assert list(face["probabilities"]) == list(LABELS)
    assert sum(face["probabilities"].values()) == pytest.approx(1, abs=0.001)
    assert face["expression"] == max(face["probabilities"], key=face["probabilities"].get)
    assert face["confidence"] == max(face["probabilities"].values())
    x, y, width, height = face["box"]
    assert 0 <= x < x + width <= 640
    assert 0 <= y < y + height <= 480


def test_no_face_is_a_result(mien: Mien, empty_photo: Path) -> None:
    """A photo without a face is not an error: no faces for classify, no song for recommend."""
    result = mien("classify", empty_photo, "--json")
    assert (result.code, json.loads(result.out)) == (0, {"path": str(empty_photo), "faces": []})
    songs = mien("recommend", empty_photo, "--json")
    assert (songs.code, songs.out) == (0, "")
    assert "No face" in songs.err


def test_one_bad_photo_costs_only_itself(mien: Mien, photo: Path, tmp_path: Path) -> None:
    """Good photos are classified, the bad one gets its sentence, and the exit code reports it."""
    outcome = mien("classify", tmp_path / "none.jpg", photo, "--json")
    assert outcome.code == 4
    assert json.loads(outcome.out)["path"] == str(photo)
    assert outcome.err.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("text.jpg", b"not a picture at all", "not a picture"),
        ("empty.png", b"", "not a picture"),
        ("cut.png", png(300, 300)[:80], "not a picture"),
        ("dot.png", png(1, 1), "1 x 1"),
        ("huge.png", png(20000, 20000), "20000 x 20000"),
    ],
)
def test_bad_photos_get_one_sentence(mien: Mien, tmp_path: Path, name: str, content: bytes, text: str) -> None:
    """A file that is not a picture of a sensible size is refused, by every command that takes one."""
    path = tmp_path / name
    path.write_bytes(content)
    refused(mien("classify", path), 4, str(path), text)
    refused(mien("recommend", path), 4, str(path), text)


def test_a_missing_photo_is_named(mien: Mien) -> None:
    """A wrong name is repeated in the error."""
    refused(mien("classify", "nowhere.jpg"), 4, "nowhere.jpg")
    assert mien("run", "--camera", "nowhere.jpg").code == 4


def test_a_photo_that_stops_half_way(mien: Mien, tmp_path: Path) -> None:
    """A JPEG cut short is refused, not shown half grey."""
    path = tmp_path / "half.jpg"
    cv2.imwrite(str(path), scene())
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    refused(mien("classify", path), 4, "damaged")


def test_a_turned_photo_is_set_upright(mien: Mien, tmp_path: Path) -> None:
    """The EXIF orientation of a phone's photo is applied: the box is that of the upright photo."""
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate by 90 degrees clockwise to see it upright
    path = tmp_path / "turned.jpg"
    Image.fromarray(np.rot90(scene())).save(path, exif=exif, quality=95)
    [face] = json.loads(mien("classify", path, "--json").out)["faces"]
    assert 400 > face["box"][0] > 150


def test_run_json_has_the_documented_fields(mien: Mien, tmp_path: Path) -> None:
    """Every line is an object with event and at; moods have all the fields that programs rely on."""
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 5, (640, 480))
    for _ in range(40):
        writer.write(cv2.cvtColor(scene(), cv2.COLOR_GRAY2BGR))
    writer.release()
    config = tmp_path / "mien.toml"
    config.write_text("[mood]\nthreshold = 0.0\n", encoding="utf-8")
    outcome = mien("run", "--camera", path, "--json", "--config", config)
    assert outcome.code == 0, outcome.err
    events = [json.loads(line) for line in outcome.out.splitlines()]
    assert {"event", "at"} <= set.intersection(*(set(event) for event in events))
    [mood] = [event for event in events if event["event"] == "mood"]
    assert {"expression", "confidence", "valence", "arousal", "probabilities"} <= set(mood)
    assert list(mood["probabilities"]) == list(LABELS)
    assert mood["expression"] in LABELS


def test_run_stops_after_max_frames(mien: Mien, tmp_path: Path) -> None:
    """--max-frames ends a run that would continue."""
    for number in range(5):
        cv2.imwrite(str(tmp_path / f"{number}.png"), scene())
    outcome = mien("run", "--camera", tmp_path, "--json", "--max-frames", "1")
    assert outcome.code == 0


def test_a_video_cut_short(mien: Mien, tmp_path: Path) -> None:
    """A video that ends before its header says is a camera fault, reported as an event and by the exit code."""
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 5, (640, 480))
    rng = np.random.default_rng(0)
    for _ in range(60):
        writer.write(rng.integers(0, 256, (480, 640, 3)).astype(np.uint8))
    writer.release()
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    outcome = mien("run", "--camera", path, "--json")
    assert outcome.code == 4
    assert "Traceback" not in outcome.err


def test_a_folder_without_photos(mien: Mien, tmp_path: Path) -> None:
    """An empty folder as a camera is an error that includes what to put there."""
    outcome = mien("run", "--camera", tmp_path, "--json")
    assert outcome.code == 4
    assert "no photo" in outcome.err


def test_a_photo_is_repeated_where_the_configuration_requests_it(mien: Mien, photo: Path, tmp_path: Path) -> None:
    """Without end, so that only the number of frames ends the run; else it ends after 20."""
    config = tmp_path / "mien.toml"
    for loop, last in (("false", 4.75), ("true", 5.0)):
        config.write_text(f"[camera]\nloop = {loop}\n", encoding="utf-8")
        outcome = mien("run", "--config", config, "--camera", photo, "--json", "--max-frames", "21")
        assert outcome.code == 0
        assert json.loads(outcome.out.splitlines()[-1])["at"] == last


@pytest.mark.parametrize("spec", ["", " "])
def test_an_empty_camera_is_refused(mien: Mien, spec: str) -> None:
    """It would otherwise be the folder that mien was started in."""
    refused(mien("run", "--camera", spec), 2, "--camera is empty")


def test_a_folder_is_classified_by_its_photos(mien: Mien, photo: Path) -> None:
    """One line a photo; what is not a photo is left out, and a folder without photos is an error of its own."""
    (photo.parent / "notes.txt").write_text("not a photo", encoding="utf-8")
    empty = photo.parent / "empty"
    empty.mkdir()
    outcome = mien("classify", empty, photo.parent, "--json")
    assert outcome.code == 4
    assert f"{empty} holds no photo" in outcome.err
    assert [json.loads(line)["path"] for line in outcome.out.splitlines()] == [str(photo)]


def test_the_shared_photos_get_the_right_answer(mien: Mien, shared: Path) -> None:
    """The box of the large photo is around the face, and every command takes what is a photo by its content."""
    folder = shared / "cases" / "photos"
    if not folder.is_dir():
        pytest.skip("needs the photos of the test data")
    [face] = json.loads(mien("classify", folder / "12mp.jpg", "--json").out)["faces"]
    assert face["box"] == pytest.approx([1230, 1018, 1080, 1080], abs=60)
    assert mien("run", "--camera", folder / "photo.jfif").code == 0
    assert mien("recommend", folder / "photo.jfif").code == 0
    for command in (("classify",), ("recommend",), ("run", "--camera")):
        outcome = mien(*command, folder / "photo.heic")
        assert outcome.code == 0 or "pillow-heif" in outcome.err


def test_recommend_json_has_the_documented_fields(mien: Mien, photo: Path) -> None:
    """Songs for a photo and for an expression come as objects with the same fields, the asked number of them."""
    for arguments in ((photo,), ("--expression", "sad")):
        lines = mien("recommend", *arguments, "--json", "--count", "3").out.splitlines()
        songs = [json.loads(line) for line in lines]
        assert len(songs) == 3
        for song in songs:
            assert {"title", "artist", "uri", "valence", "energy", "score", "why"} <= set(song)
            assert song["why"]


def test_an_unknown_expression_names_the_known(mien: Mien) -> None:
    """A misspelt expression is an error that lists the seven."""
    refused(mien("recommend", "--expression", "joyful"), 2, "joyful", *LABELS)
    refused(mien("recommend"), 2, "photo")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["recommend", "--expression", "sad", "--count", "0"], "'0'"),
        (["bogus"], "bogus"),
        ([], "COMMAND"),
        (["run", "--max-frames", "many"], "many"),
    ],
)
def test_a_wrong_command_line_is_one_sentence(mien: Mien, arguments: list[str], text: str) -> None:
    """No page of usage hides the error."""
    refused(mien(*arguments), 2, text, "--help")


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (lambda data: data[: len(data) // 2], "cut short"),
        (lambda data: data[: data.rindex(b"PK\x03\x04")], "contract"),
        (lambda data: b"\x00" * 100 + data[100:], "damaged"),
        (lambda data: data.replace(b'"happy",', b'"merry",'), "labels"),
        (lambda _: b"", "cut short"),
    ],
)
def test_a_bad_model_file_is_refused(
    mien: Mien, photo: Path, tmp_path: Path, damage: Callable[[bytes], bytes], text: str
) -> None:
    """A model file that is cut, changed, without contract or with other labels costs one sentence and exit code 5."""
    path = tmp_path / "model.tflite"
    path.write_bytes(_fix_checksum(damage(DEFAULT_MODEL.read_bytes())))
    config = tmp_path / "mien.toml"
    config.write_text(f"[model]\nfile = {json.dumps(str(path))}\n", encoding="utf-8")
    refused(mien("classify", photo, "--config", config), 5, str(path), text)
    refused(mien("model", "info", path), 5, str(path), text)


def _fix_checksum(data: bytes) -> bytes:
    """Make the zip's checksum right again, so that what is tested is mien's own check."""
    start = data.rfind(b"PK\x03\x04")
    centre = data.rfind(b"PK\x01\x02")
    if start < 0 or centre < start:
        return data
    name, extra = struct.unpack("<HH", data[start + 26 : start + 30])
    body = start + 30 + name + extra
    checksum = struct.pack("<I", zlib.crc32(data[body:centre]))
    data = data[: start + 14] + checksum + data[start + 18 :]
    return data[: centre + 16] + checksum + data[centre + 20 :]


def test_model_info_shows_the_shipped_network(mien: Mien) -> None:
    """The contract is shown as text and as JSON."""
    assert "crop margin" in mien("model", "info").out
    contract = json.loads(mien("model", "info", "--json").out)
    assert contract["labels"] == list(LABELS)


def test_every_fault_of_a_configuration_is_named_at_once(mien: Mien, tmp_path: Path) -> None:
    """Three faults, one sentence, with a hint at what was meant."""
    path = tmp_path / "mien.toml"
    path.write_text("[mod]\n[mood]\ntreshold = 0.5\ndwell = -1\n", encoding="utf-8")
    refused(mien("config", "check", "--config", path), 3, "did you mean", "threshold", "mood.dwell", "[mod]")
    assert mien("run", "--config", path).code == 3


@pytest.mark.parametrize(
    ("line", "texts"),
    [
        ("rotation = 45", ("camera.rotation", "45", "0, 90, 180, 270")),
        ('rotation = "90"', ("camera.rotation", "`int`")),
        ("mirror = 1", ("camera.mirror", "`bool`")),
        ("max_fps = 0", ("camera.max_fps", ">= 1")),
        ('on_fault = "never"', ("camera.on_fault", "never", '"auto", "exit", "retry"')),
    ],
)
def test_a_wrong_value_is_refused_with_what_is_right(mien: Mien, tmp_path: Path, line: str, texts: list[str]) -> None:
    """One sentence that names the key, and the values to choose from where they can be listed."""
    path = tmp_path / "mien.toml"
    path.write_text(f"[camera]\n{line}\n", encoding="utf-8")
    refused(mien("config", "check", "--config", path), 3, *texts)


def test_the_example_configuration_is_the_defaults(mien: Mien, tmp_path: Path) -> None:
    """What `mien config example` prints is a valid file that changes nothing, and describes each key."""
    example = mien("config", "example").out
    path = tmp_path / "mien.toml"
    path.write_text(example, encoding="utf-8")
    assert mien("config", "check", "--config", path).code == 0
    shown = mien("config", "show", "--config", path).out.splitlines()[1:]
    path.write_text("", encoding="utf-8")
    assert shown == mien("config", "show", "--config", path).out.splitlines()[1:]


@pytest.mark.parametrize(
    "error",
    [
        PermissionError(errno.EACCES, os.strerror(errno.EACCES), "/home/pi/a.jpg"),
        InputError("/home/pi/a.jpg cannot be read: Permission denied."),
    ],
)
def test_a_denied_file_is_one_sentence(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not a fault of mien's; where sudo runs mien as its service's user, the sentence includes what to do."""

    def work() -> int:
        raise error

    monkeypatch.delenv("SUDO_USER", raising=False)
    assert guarded("mien", work) == 4
    printed = capsys.readouterr().err
    assert re.fullmatch(r"mien: /home/pi/a\.jpg cannot be \w+: Permission denied\.\n", printed)
    monkeypatch.setenv("SUDO_USER", "pi")
    assert guarded("mien", work) == 4
    assert capsys.readouterr().err.startswith(printed.rstrip() + " mien runs as its service's user")


def test_help_needs_nothing_heavy() -> None:
    """`mien run --help` loads neither numpy nor any library that only other commands need."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "mien.cli", "run", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {line.rsplit("|", 1)[-1].strip().split(".")[0] for line in done.stderr.splitlines() if "|" in line}
    assert "argparse" in loaded
    heavy = {"numpy", "cv2", "msgspec", "PIL", "tensorflow", "keras", "spotipy", "paho", "picamera2", "pydantic"}
    assert not loaded & heavy


@pytest.mark.parametrize(
    ("arguments", "level"),
    [(["run", "--camera", "demo", "--max-frames", "1"], "INFO"), (["config", "check"], "WARNING")],
)
def test_every_command_logs_in_one_format(arguments: list[str], level: str) -> None:
    """Warnings carry their level whatever the command; the daemon also logs what it does."""
    code = (
        "import logging, sys; from mien.cli import main; main(sys.argv[1:]);"
        "logging.warning('careful'); print(logging.getLevelName(logging.getLogger().level))"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == level
    assert done.stderr.splitlines()[-1] == "WARNING: careful"


def test_the_daemon_never_loads_tensorflow(photo: Path) -> None:
    """A run from start to end leaves TensorFlow, Keras and the training side unloaded."""
    code = (
        "import sys; from mien.cli import main; code = main(sys.argv[1:]); "
        "bad = {'tensorflow', 'keras', 'mien_training', 'mien_convert'} & set(sys.modules); "
        "sys.exit(repr(bad) if bad else code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "run", "--camera", str(photo), "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_reader_that_goes_away_is_not_an_error(photo: Path) -> None:
    """`mien ... | head -0` ends quietly."""
    command = f"{sys.executable} -m mien.cli classify {photo} {photo} --json | true"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr


def test_sigterm_ends_a_run_cleanly(tmp_path: Path) -> None:
    """systemd's stop signal ends the daemon with exit code 0 after its current frame."""
    process = subprocess.Popen(
        [sys.executable, "-m", "mien.cli", "run", "--camera", "demo", "--json"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["event"] == "camera"
    process.terminate()
    process.communicate(timeout=20)
    assert process.returncode == 0
